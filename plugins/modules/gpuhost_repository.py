#!/usr/bin/python
"""Ansible door to :mod:`onhost.repositories`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_repository
short_description: Makes a vendor's apt repository known, once its key is the one that was pinned
description:
  - The key comes from the control node (O(key.src), which the action plugin of the same name reads) or is fetched by the
    host from O(key.url), through the site's proxy and with the system's CAs. Unless its primary fingerprint is the pinned
    one, nothing is changed and the finding GH-KEY-FINGERPRINT says so.
  - The key is trusted for this repository alone (Signed-By), and no other key of the same file is.
  - The package lists are not read; the next package step does that.
options:
  name:
    description: What the files are called, C(gpuhost-NAME).
    type: str
    required: true
  url:
    description: The repository, without C(dists).
    type: str
    required: true
  suite:
    description: The suite.
    type: str
    required: true
  components:
    description: The components.
    type: list
    elements: str
    default: [main]
  architectures:
    description: The architectures; empty means those of the host.
    type: list
    elements: str
    default: []
  key:
    description: The key that signs it. Either O(key.content) or O(key.url) is needed.
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
        description: What its primary key has to be; 40 hexadecimal digits, blanks allowed.
        type: str
        required: true
  pin:
    description: Which of its packages win.
    type: dict
    suboptions:
      origin:
        description: The origin that its Release file names.
        type: str
        required: true
      priority:
        description: As apt_preferences(5) counts.
        type: int
        required: true
  ca_certificates:
    description: Texts of further CA certificates (PEM), which the host need not have yet.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Make AMD's repository known
  gpuhost_repository:
    name: rocm
    url: https://repo.radeon.com/rocm/apt/7.2.4
    suite: noble
    architectures: [amd64]
    key:
      url: https://repo.radeon.com/rocm/rocm.gpg.key
      fingerprint: CA8B B472 7A47 B4D0 9B4E E896 9386 B48A 1A69 3C5C
    pin: {origin: repo.radeon.com, priority: 600}
"""

RETURN = r"""
files:
  description: The files that describe the repository.
  returned: success
  type: list
gpuhost_finding:
  description: Why it failed.
  returned: failed
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import repositories
from ansible.module_utils.onhost.finding import FindingError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "url": {"type": "str", "required": True},
            "suite": {"type": "str", "required": True},
            "components": {"type": "list", "elements": "str", "default": ["main"]},
            "architectures": {"type": "list", "elements": "str", "default": []},
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
            "pin": {
                "type": "dict",
                "options": {
                    "origin": {"type": "str", "required": True},
                    "priority": {"type": "int", "required": True},
                },
            },
            "ca_certificates": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        changed = repositories.ensure(asked, asked["ca_certificates"], check=module.check_mode)
    except FindingError as problem:
        module.fail_json(msg=problem.seen, gpuhost_finding=problem.as_dict())
    except ValueError as problem:
        module.fail_json(msg=str(problem))
    module.exit_json(changed=changed, files=repositories.written(asked))


if __name__ == "__main__":
    main()
