#!/usr/bin/python
"""Ansible door to :mod:`onhost.seals`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_seal
short_description: Proves what a role made
description:
  - Fingerprints the items of the role's footprint as they are now and keeps them on the host, with the digest of what was
    asked for. The action plugin of the same name renders the footprint.
options:
  role:
    description: The role.
    type: str
    required: true
  items:
    description: The rendered footprint.
    type: list
    elements: dict
    default: []
  input:
    description: Digest of everything that decides what the role makes of the host.
    type: str
    default: ""
  run:
    description: The run that seals.
    type: str
    default: ""
  installed_packages:
    description: Packages that the role's transactions added.
    type: list
    elements: str
    default: []
  stand_ins:
    description: What of it is a stand-in of a lab.
    type: list
    elements: raw
    default: []
"""

EXAMPLES = r"""
- name: Seal the role
  gpuhost_seal:
    role: rocm
    input: 3f0c…
    items:
      - {kind: package, name: rocminfo}
"""

RETURN = r"""
gpuhost_finding:
  description: Why it failed.
  returned: failed
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import lease, seals
from ansible.module_utils.onhost.finding import FindingError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "role": {"type": "str", "required": True},
            "items": {"type": "list", "elements": "dict", "default": []},
            "input": {"type": "str", "default": ""},
            "run": {"type": "str", "default": ""},
            "installed_packages": {"type": "list", "elements": "str", "default": []},
            "stand_ins": {"type": "list", "elements": "raw", "default": []},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=False)
    asked = module.params
    lease.touch()
    try:
        written = seals.seal(
            asked["role"], asked["input"], asked["items"], asked["run"], asked["installed_packages"], asked["stand_ins"]
        )
    except (FindingError, OSError) as problem:
        finding = problem.as_dict() if isinstance(problem, FindingError) else {"id": "GH-STEP-FAILED", "seen": str(problem)}
        module.fail_json(msg=finding["seen"], gpuhost_finding=finding)
    # A seal is a record of a host, not a change to it: what the role changed, its own tasks have told.
    module.exit_json(changed=False, written=written)


if __name__ == "__main__":
    main()
