#!/usr/bin/python
"""Ansible door to :mod:`onhost.containers`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_container
short_description: Keeps the container before until the new one has proven itself
description:
  - A service is never without a way back. The present container is stopped and kept; when the new one does not become
    healthy, the one before runs again.
options:
  name:
    description: The container.
    type: str
    required: true
  state:
    description:
      - C(settled) finishes a replacement that was interrupted. The new container stays if it works, or comes to within
        O(patience); else the one before runs again.
      - C(set_aside) stops the container and keeps it under another name.
      - C(restored) brings it back in the place of the one that did not work, and fails with the finding
        GH-CONTAINER-UNHEALTHY, which tells why that one did not. Where none was set aside, the one that does not
        work stays, to be looked at.
      - C(dropped) removes the one that was set aside.
    type: str
    required: true
    choices: [settled, set_aside, restored, dropped]
  patience:
    description: With C(settled), seconds to wait for a container that is still starting.
    type: float
    default: 0
  reason:
    description: With C(restored), what the attempt to start the new one said.
    type: str
    default: ""
  units:
    description: >-
      Units of the host itself that may stand for the same service, it first: C(set_aside) stops them, and C(restored) starts
      those whose files are there, where no container was set aside.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Set the present one aside
  gpuhost_container:
    name: ollama
    state: set_aside
"""

RETURN = r"""
gpuhost_finding:
  description: Why the new container does not work.
  returned: failed
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import host_service
from ansible.module_utils.onhost.containers import Containers
from ansible.module_utils.onhost.finding import FindingError
from ansible.module_utils.onhost.siblings import EngineError


def apply(containers: Containers, asked: dict) -> bool:
    """The state asked for holds; whether something changed.

    :raises FindingError: with C(restored) always: something had gone wrong before.
    """
    name, state, units = asked["name"], asked["state"], asked["units"]
    if state == "settled":
        return containers.settle(name, asked["patience"])
    if state == "set_aside":
        return host_service.set_aside(containers, name, units)
    if state == "dropped":
        return containers.drop(name)
    reason, why = asked["reason"], containers.explain_failure(name)
    back = host_service.bring_back(containers, name, units)
    fate = "the one before it runs again" if back else "there was none before it"
    raise FindingError("GH-CONTAINER-UNHEALTHY", "\n".join(part for part in (f"{name}: {fate}", reason, why) if part))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "required": True, "choices": ["settled", "set_aside", "restored", "dropped"]},
            "patience": {"type": "float", "default": 0},
            "reason": {"type": "str", "default": ""},
            "units": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        if module.check_mode:
            module.exit_json(changed=asked["state"] != "settled" or Containers().is_unsettled(asked["name"]))
        changed = apply(Containers(), asked)
    except FindingError as problem:
        module.fail_json(msg=problem.seen, gpuhost_finding=problem.as_dict())
    except EngineError as problem:
        finding = {"id": "GH-STEP-FAILED", "seen": f"{asked['name']}: {problem.message}"}
        module.fail_json(msg=finding["seen"], gpuhost_finding=finding)
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
