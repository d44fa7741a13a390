#!/usr/bin/python
"""Ansible door to :mod:`onhost.host_service`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_host_service
short_description: Exchanges a service of the host itself, with a way back
description:
  - The unit and those beside it are written, enabled and started, and the service is asked until it answers. Where it does
    not, the units from before run again and the module fails with the finding GH-SERVICE-UNHEALTHY.
options:
  name:
    description: The unit that is the service.
    type: str
    required: true
  units:
    description: The texts of the unit and those beside it, by file name.
    type: dict
    required: true
  url:
    description: What it is asked.
    type: str
    default: ""
  json:
    description: Keys and values of its answer; without them O(contains) counts.
    type: dict
  contains:
    description: A text in its answer.
    type: str
    default: ""
  instead_of:
    description: A container whose place it takes. It is gone once the service answers, and not before.
    type: str
    default: ""
  patience:
    description: Seconds that it has to come to answer.
    type: float
    default: 300
"""

EXAMPLES = r"""
- name: Run Ollama on the host
  gpuhost_host_service:
    name: gpuhost-ollama.service
    units:
      gpuhost-ollama.service: "{{ lookup('ansible.builtin.template', 'native.service.j2') }}"
    url: http://127.0.0.1:11434/api/version
    contains: version
"""

RETURN = r"""
gpuhost_finding:
  description: Why it does not come to answer.
  returned: failed
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost.containers import Containers
from ansible.module_utils.onhost.finding import FindingError
from ansible.module_utils.onhost.host_service import HostService
from ansible.module_utils.onhost.siblings import EngineError


def apply(service: HostService, asked: dict, check: bool) -> bool:
    """It is as it is to be; whether something changed."""
    containers = Containers()
    # A host that runs everything itself has no engine, and no container either.
    there = containers.engine.available() if asked["instead_of"] else False
    return service.settle(asked["patience"], check, containers if there else None, asked["instead_of"])


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "units": {"type": "dict", "required": True},
            "url": {"type": "str", "default": ""},
            "json": {"type": "dict"},
            "contains": {"type": "str", "default": ""},
            "instead_of": {"type": "str", "default": ""},
            "patience": {"type": "float", "default": 300},
        },
        supports_check_mode=True,
    )
    asked = module.params
    health = {key: asked[key] for key in ("url", "json", "contains")}
    service = HostService(asked["name"], asked["units"], health)
    try:
        changed = apply(service, asked, module.check_mode)
    except EngineError as problem:
        finding = {"id": "GH-STEP-FAILED", "seen": f"{asked['instead_of']}: {problem.message}"}
        module.fail_json(msg=finding["seen"], gpuhost_finding=finding)
    except FindingError as problem:
        module.fail_json(msg=problem.seen, gpuhost_finding=problem.as_dict())
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
