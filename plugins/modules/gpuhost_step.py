#!/usr/bin/python
"""Ansible door to :mod:`onhost.steps`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_step
short_description: Starts a long step on the host, joins the one that runs, or tells how it ended
description:
  - The work is done by the systemd unit C(gpuhost-STEP) on the host, which neither a lost connection nor the end of
    the controller disturbs. The name is the lock; a second start joins the first.
  - The action plugin of the same name calls this module until the step has ended.
options:
  step:
    description: The step's name, which is also its unit's; letters, digits and dashes.
    type: str
    required: true
  kind:
    description: What kind of work it is.
    type: str
    required: true
    choices: [apt, apt_remove, archive, build, dkms, model, pip, pull]
  spec:
    description: What that kind needs to know (docs/architecture.md, "Long steps").
    type: dict
    required: true
  wait:
    description: Seconds to wait for the end before C(running) is the answer.
    type: float
    default: 0
  follow:
    description: Tell how the step that was started or joined before goes on; one that failed is not started again.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Install ROCm's tools
  gpuhost_step:
    step: rocm-packages
    kind: apt
    spec:
      packages: [rocminfo, rocm-smi]
      update: true
"""

RETURN = r"""
state:
  description: C(running), C(done), C(not_needed), C(failed), and C(needed) in check mode.
  returned: always
  type: str
progress:
  description: What the step does now, as in its progress file.
  returned: always
  type: dict
result:
  description: C(rc), C(error_id), C(error), C(detail), C(installed) and what the kind adds.
  returned: always
  type: dict
gpuhost_finding:
  description: Why it failed.
  returned: failed
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import lease, steps
from ansible.module_utils.onhost.finding import FindingError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "step": {"type": "str", "required": True},
            "kind": {
                "type": "str",
                "required": True,
                "choices": ["apt", "apt_remove", "archive", "build", "dkms", "model", "pip", "pull"],
            },
            "spec": {"type": "dict", "required": True},
            "wait": {"type": "float", "default": 0},
            "follow": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        lease.touch()
        answer = steps.advance(
            asked["step"], asked["kind"], asked["spec"], asked["follow"], asked["wait"], module.check_mode
        )
    except FindingError as problem:
        module.fail_json(msg=problem.seen, gpuhost_finding=problem.as_dict())
    if answer["state"] == steps.FAILED:
        result = answer["result"]
        finding = {"id": result["error_id"], "seen": result["error"]}
        module.fail_json(msg=f"{result['error']}\n{result['detail'] or ''}", gpuhost_finding=finding, **answer)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
