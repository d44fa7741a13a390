#!/usr/bin/python
"""Ansible door to :mod:`onhost.lease`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_lease
short_description: Keeps a second controller off a host
description:
  - A file on the host says which run works on it. It never outlives its owner; a reboot, a dead process or a long
    silence with no unit of ours at work ends it.
options:
  state:
    description:
      - C(held) takes the host, or fails with the finding GH-LOCKED while another live run holds it.
      - C(touched) says that whoever holds the host is alive, for a run that waits for another host meanwhile.
      - C(released) gives the host back; another's lease stays.
    type: str
    required: true
    choices: [held, touched, released]
  owner:
    description: Who asks; C(controller), C(machine_id), C(pid), C(start_time), C(run), C(user).
    type: dict
    required: true
  dead_owner:
    description: The holder whose process the caller saw ended; that one gives way to a run of the same machine.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Take the host
  gpuhost_lease:
    state: held
    owner: {controller: desk, machine_id: 4c1…, pid: 812, start_time: "99120", run: 20260801T120000Z, user: ada}
"""

RETURN = r"""
lease:
  description: The lease as it is now.
  returned: always
  type: dict
gpuhost_finding:
  description: Who holds the host, since when.
  returned: failed
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import lease
from ansible.module_utils.onhost.finding import FindingError


def apply(state: str, owner: dict, dead_owner: dict) -> None:
    """The state asked for holds."""
    if state == "held":
        lease.acquire(owner, dead_owner=dead_owner)
    elif state == "touched":
        lease.touch()
    else:
        lease.release(owner)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "required": True, "choices": ["held", "touched", "released"]},
            "owner": {"type": "dict", "required": True},
            "dead_owner": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        if not module.check_mode:
            apply(asked["state"], asked["owner"], asked["dead_owner"])
    except FindingError as problem:
        module.fail_json(msg=problem.seen, gpuhost_finding=problem.as_dict(), lease=lease.read())
    # The lease says who works on the host; it is no change to what the host is.
    module.exit_json(changed=False, lease=lease.read())


if __name__ == "__main__":
    main()
