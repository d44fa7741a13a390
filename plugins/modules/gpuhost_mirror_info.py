#!/usr/bin/python
"""Ansible door to :mod:`onhost.mirror`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_mirror_info
short_description: Says whether an apt mirror can be trusted, before it is
description:
  - Asks the host's own apt to read the mirror's release file with the given key and authorities. The key must have the
    given fingerprint; one that is given as an address is fetched by the host.
  - Uses a folder of its own that goes again; the host's sources, lists and keys are not touched.
options:
  name:
    description: As for M(gpuhost_repository). A key that the host has under it serves where its address does not answer.
    type: str
    default: ""
  url:
    description: The mirror.
    type: str
    required: true
  suite:
    description: The suite.
    type: str
    required: true
  key:
    description: The public key that must have signed the mirror. Either O(key.content) or O(key.url) is needed.
    type: dict
    required: true
    suboptions:
      url:
        description: Where the host fetches it.
        type: str
      content:
        description: The key itself, armoured.
        type: str
      fingerprint:
        description: What its primary key has to be.
        type: str
        required: true
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
    key:
      content: "{{ lookup('ansible.builtin.file', 'mirror.asc') }}"
      fingerprint: 7F0CAFE6FEC79685D703FF38654ADF418D675516
"""

RETURN = r"""
problem:
  description: Id and what was seen of a finding, or null where apt accepts the mirror.
  returned: always
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import mirror, repositories
from ansible.module_utils.onhost.finding import FindingError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "default": ""},
            "url": {"type": "str", "required": True},
            "suite": {"type": "str", "required": True},
            # A public key.
            "key": {
                "type": "dict",
                "required": True,
                "no_log": False,
                "options": {
                    "url": {"type": "str"},
                    "content": {"type": "str"},
                    "fingerprint": {"type": "str", "required": True},
                },
            },
            "ca_certificates": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        key = repositories.key(asked, asked["ca_certificates"])
        found = mirror.problem(asked["url"], asked["suite"], key, asked["ca_certificates"])
    except FindingError as problem:
        found = problem.as_dict()
    module.exit_json(changed=False, problem=found)


if __name__ == "__main__":
    main()
