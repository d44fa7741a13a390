#!/usr/bin/python
"""Ansible door to :mod:`onhost.mirror`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_mirror_info
short_description: Says whether an apt mirror can be trusted, before it is
description:
  - Asks the host's own apt to read the mirror's release file with the given key and authorities.
  - Uses a folder of its own that goes again; the host's sources, lists and keys are not touched.
options:
  url:
    description: The mirror.
    type: str
    required: true
  suite:
    description: The suite.
    type: str
    required: true
  key:
    description: The public key that must have signed the mirror, in hexadecimal digits.
    type: str
    required: true
    no_log: false
  ca_certificates:
    description: Texts of further CA certificates (PEM), which the host need not have yet.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Ask whether the mirror is what the site says
  gpuhost_mirror_info:
    url: https://mirror.example.org/debian
    suite: trixie
    key: "9833..."
"""

RETURN = r"""
problem:
  description: Id and what was seen of a finding, or null where apt accepts the mirror.
  returned: always
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import mirror


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "suite": {"type": "str", "required": True},
            # A public key.
            "key": {"type": "str", "required": True, "no_log": False},
            "ca_certificates": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    asked = module.params
    found = mirror.problem(asked["url"], asked["suite"], bytes.fromhex(asked["key"]), asked["ca_certificates"])
    module.exit_json(changed=False, problem=found)


if __name__ == "__main__":
    main()
