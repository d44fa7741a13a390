#!/usr/bin/python
"""Ansible door to :mod:`onhost.service_secrets`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_secrets
short_description: Makes, compares and changes the secrets of services
description:
  - Values that are made are made on the host and never leave it; those that a site gives come in O(given) and go nowhere
    else. Answers hold names.
  - A file that exists keeps its owner and mode. Where its service could not use it, or others could read it, the module
    fails with the finding GH-DATA-OWNER.
options:
  services:
    description: What the plan says of the secrets of each service.
    type: list
    elements: dict
    required: true
    suboptions:
      service:
        description: The service's name.
        type: str
        required: true
      secrets:
        description: Files with one secret each (C(name), C(path), C(length), C(uid), C(gid), C(mode), C(encrypts)).
        type: list
        elements: dict
        default: []
      env_file:
        description: A file of C(KEY=value) lines (C(path), C(values), C(secrets), C(uid), C(gid), C(mode)).
        type: dict
  given:
    description: Values that the site gives, by service and name.
    type: dict
    default: {}
  renewed:
    description: With C(changed), names of secrets that are to be new, by service.
    type: dict
    default: {}
  state:
    description:
      - C(made) makes what is missing, and touches nothing else.
      - C(compared) looks only.
      - C(changed) gives those their value that the site gives otherwise, and new ones to O(renewed). No service of
        O(services) may be running.
    type: str
    required: true
    choices: [made, compared, changed]
"""

EXAMPLES = r"""
- name: Make Jupyter's token
  gpuhost_secrets:
    state: made
    services:
      - service: jupyter
        secrets:
          - {name: token, path: /etc/gpuhost/secrets/jupyter/token, length: 48, uid: 1000, gid: 1000, mode: "0400"}
"""

RETURN = r"""
names:
  description: Secrets that were missing (C(made)), differ (C(compared)) or changed (C(changed)), as C(service/name).
  returned: success
  type: list
locked:
  description: Of those that differ, the ones that data is encrypted with.
  returned: with state compared
  type: list
labels:
  description: By service, the label for its container. It changes with the secrets, and tells nothing of them.
  returned: with states made and changed
  type: dict
gpuhost_finding:
  description: What is wrong with a file that is there.
  returned: failed
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import service_secrets
from ansible.module_utils.onhost.finding import FindingError

# Names and places of secrets, without a value.
ROWS = {"type": "list", "elements": "dict", "default": [], "no_log": False}


def answer(asked: dict, check: bool) -> dict:
    """What Ansible is told."""
    services, given = asked["services"], asked["given"]
    if asked["state"] == "compared":
        names = service_secrets.differing(services, given)
        return {"changed": False, "names": names, "locked": service_secrets.locked(services, given)}
    if asked["state"] == "made":
        names = service_secrets.make(services, given, check)
    else:
        names = service_secrets.change(services, given, asked["renewed"], check)
    return {"changed": bool(names), "names": names, "labels": service_secrets.stamps(services, check)}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "services": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "service": {"type": "str", "required": True},
                    "secrets": ROWS,
                    "env_file": {"type": "dict"},
                },
            },
            "given": {"type": "dict", "default": {}, "no_log": True},
            "renewed": {"type": "dict", "default": {}},
            "state": {"type": "str", "required": True, "choices": ["made", "compared", "changed"]},
        },
        supports_check_mode=True,
    )
    try:
        said = answer(module.params, module.check_mode)
    except FindingError as problem:
        module.fail_json(msg=problem.seen, gpuhost_finding=problem.as_dict())
    except ValueError as problem:
        module.fail_json(msg=str(problem))
    module.exit_json(**said)


if __name__ == "__main__":
    main()
