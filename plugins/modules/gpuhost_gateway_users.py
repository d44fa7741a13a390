#!/usr/bin/python
"""Ansible door to :func:`onhost.gateway_users.write`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_gateway_users
short_description: Writes the file that the gateway's login service knows its users from
description:
  - Passwords and keys have been made on the host and never leave it; into the file go hashes of the passwords. A hash is
    made anew only when its password changed.
options:
  path:
    description: The file.
    type: path
    required: true
  gid:
    description: Numeric group of the service that reads it.
    type: int
    required: true
  folder:
    description: Where the users' passwords and keys are.
    type: path
    required: true
  users:
    description: Who may log in.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What the user types.
        type: str
        required: true
      services:
        description: The services that this user may use; empty means all of them.
        type: list
        elements: str
        default: []
      password_hash:
        description: A hash that the site gives. Without one the password is that in the folder.
        type: str
        default: ""
  credentials:
    description: What the gateway shows a service in its users' place.
    type: list
    elements: dict
    default: []
    suboptions:
      service:
        description: The service.
        type: str
        required: true
      scheme:
        description: The scheme of the header Authorization.
        type: str
        required: true
      path:
        description: The file with the service's secret.
        type: path
        required: true
"""

EXAMPLES = r"""
- name: Say who may log in
  gpuhost_gateway_users:
    path: /etc/gpuhost/gateway/login/users.json
    gid: 8444
    folder: /etc/gpuhost/secrets/gateway
    users:
      - {name: alice, services: [jupyter]}
    credentials:
      - {service: jupyter, scheme: token, path: /etc/gpuhost/secrets/jupyter/token}
"""

RETURN = r"""
users:
  description: The names of those who may log in.
  returned: success
  type: list
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import gateway_users


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "gid": {"type": "int", "required": True},
            "folder": {"type": "path", "required": True},
            "users": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "services": {"type": "list", "elements": "str", "default": []},
                    "password_hash": {"type": "str", "default": "", "no_log": True},
                },
            },
            "credentials": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "no_log": False,
                "options": {
                    "service": {"type": "str", "required": True},
                    "scheme": {"type": "str", "required": True},
                    "path": {"type": "path", "required": True},
                },
            },
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        changed = gateway_users.write(
            asked["path"],
            asked["users"],
            asked["credentials"],
            folder=asked["folder"],
            gid=asked["gid"],
            check=module.check_mode,
        )
    except FileNotFoundError as problem:
        # In check mode nothing of what comes before has been made.
        if module.check_mode:
            module.exit_json(changed=True, users=[user["name"] for user in asked["users"]])
        module.fail_json(msg=f"{problem.filename} has not been made")
    module.exit_json(changed=changed, users=[user["name"] for user in asked["users"]])


if __name__ == "__main__":
    main()
