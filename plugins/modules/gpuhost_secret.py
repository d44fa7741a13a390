#!/usr/bin/python
"""Ansible door to :func:`onhost.secrets.ensure`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_secret
short_description: Makes a secret once, on the host
description:
  - The value is made on the host and never leaves it. A file that exists keeps its value, owner and mode; where its
    service could not use it, or others could read it, the module fails with the finding GH-DATA-OWNER.
options:
  path:
    description: The file.
    type: path
    required: true
  length:
    description: How many letters and digits a new secret has.
    type: int
    default: 48
  uid:
    description: Numeric owner.
    type: int
    default: 0
  gid:
    description: Numeric group.
    type: int
    default: 0
  mode:
    description: Mode, four octal digits.
    type: str
    default: "0600"
"""

EXAMPLES = r"""
- name: Make Jupyter's token
  gpuhost_secret:
    path: /etc/gpuhost/secrets/jupyter/token
    uid: 1000
    gid: 1000
    mode: "0400"
"""

RETURN = r"""
gpuhost_finding:
  description: What is wrong with the file that is there.
  returned: failed
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import secrets
from ansible.module_utils.onhost.finding import FindingError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "length": {"type": "int", "default": 48},
            "uid": {"type": "int", "default": 0},
            "gid": {"type": "int", "default": 0},
            "mode": {"type": "str", "default": "0600"},
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        changed = secrets.ensure(
            asked["path"],
            length=asked["length"],
            uid=asked["uid"],
            gid=asked["gid"],
            mode=int(asked["mode"], 8),
            check=module.check_mode,
        )
    except FindingError as problem:
        module.fail_json(msg=problem.seen, gpuhost_finding=problem.as_dict())
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
