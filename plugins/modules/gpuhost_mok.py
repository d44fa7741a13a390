#!/usr/bin/python
"""Ansible door to :mod:`onhost.mok`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_mok
short_description: Sees that the key that signs the host's modules is enrolled, or handed in to be
description:
  - Makes the distribution's own key where there is none, and hands it in to shim's MokManager. Enrolling it is a person's
    act at the console; until then RV(state) is C(pending).
  - A key that waits is not handed in again, and one that was handed in several times in vain is refused.
  - The action plugin of the same name stops the run with the exact steps.
options:
  certificate:
    description: The certificate (DER). Empty for the distribution's own.
    type: str
    default: ""
  key:
    description: Its private key.
    type: str
    default: ""
  password:
    description:
      - The one-time password. Empty means that one is made, and kept on the host for root to read until the key is enrolled.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Have the key enrolled
  gpuhost_mok:
    certificate: /var/lib/dkms/mok.pub
    key: /var/lib/dkms/mok.key
"""

RETURN = r"""
state:
  description: C(enrolled), C(pending), and C(needed) in check mode.
  returned: success
  type: str
certificate:
  description: Which one it is.
  returned: success
  type: str
password_file:
  description: The file on the host that holds a password that was made.
  returned: success
  type: str
gpuhost_finding:
  description: Why it failed.
  returned: failed
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import lease, mok
from ansible.module_utils.onhost.finding import FindingError


def main() -> None:
    text = {"type": "str", "default": ""}
    module = AnsibleModule(
        argument_spec={
            "certificate": text,
            "key": text,
            "password": {"type": "str", "default": "", "no_log": True},
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        lease.touch()
        found = mok.ensure(asked["certificate"], asked["key"], asked["password"], check=module.check_mode)
    except FindingError as problem:
        module.fail_json(msg=problem.seen, gpuhost_finding=problem.as_dict())
    module.exit_json(**found)


if __name__ == "__main__":
    main()
