#!/usr/bin/python
"""Ansible door to :func:`onhost.seals.begin`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_baseline
short_description: Notes what of the roles' footprints was there before gpuhost
description:
  - Each item is noted once, before the first role changes anything, and never again. What was there before is not taken
    away by C(./gpuhost remove).
  - The action plugin of the same name renders the footprints of the roles that are due.
options:
  footprints:
    description: The rendered footprint of each role.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Note what is here before us
  gpuhost_baseline:
    footprints:
      rocm:
        - {kind: package, name: rocminfo}
"""

RETURN = r"""
gpuhost_finding:
  description: Why it failed.
  returned: failed
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import seals


def main() -> None:
    module = AnsibleModule(argument_spec={"footprints": {"type": "dict", "required": True}}, supports_check_mode=True)
    if module.check_mode:
        module.exit_json(changed=False)
    try:
        for role, items in module.params["footprints"].items():
            seals.begin(role, items)
    except OSError as problem:
        module.fail_json(msg=str(problem), gpuhost_finding={"id": "GH-STEP-FAILED", "seen": str(problem)})
    # A note about a host is not a change to it.
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
