#!/usr/bin/python
"""Ansible door to :func:`onhost.secrets.ensure_env_file`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_env_file
short_description: Adds missing keys to an environment file, and touches no other
description:
  - Keys that are there belong to the user and keep their values. Secrets are made on the host and never leave it.
options:
  path:
    description: The file of C(KEY=value) lines.
    type: path
    required: true
  values:
    description: Keys with the values they get where they are missing.
    type: dict
    default: {}
  secrets:
    description: Keys that get a secret of C(length) letters and digits where they are missing.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The key.
        type: str
        required: true
      length:
        description: How long its secret is.
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
- name: Make AnythingLLM's settings
  gpuhost_env_file:
    path: /srv/gpuhost/anythingllm/.env
    values:
      LLM_PROVIDER: ollama
    secrets:
      - {name: JWT_SECRET, length: 48}
    uid: 1000
    gid: 1000
"""

RETURN = r"""
added:
  description: Keys that were missing.
  returned: success
  type: list
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
            "values": {"type": "dict", "default": {}},
            "secrets": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "no_log": False,
                "options": {
                    "name": {"type": "str", "required": True},
                    "length": {"type": "int", "default": 48},
                },
            },
            "uid": {"type": "int", "default": 0},
            "gid": {"type": "int", "default": 0},
            "mode": {"type": "str", "default": "0600"},
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        added = secrets.ensure_env_file(
            asked["path"],
            asked["values"],
            asked["secrets"],
            uid=asked["uid"],
            gid=asked["gid"],
            mode=int(asked["mode"], 8),
            check=module.check_mode,
        )
    except FindingError as problem:
        module.fail_json(msg=problem.seen, gpuhost_finding=problem.as_dict())
    except ValueError as problem:
        module.fail_json(msg=str(problem))
    module.exit_json(changed=bool(added), added=added)


if __name__ == "__main__":
    main()
