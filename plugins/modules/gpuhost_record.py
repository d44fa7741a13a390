#!/usr/bin/python
"""Ansible door to :mod:`verify.record` and :mod:`onhost.bundle`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_record
short_description: Says what only programs on the host can tell
description:
  - Runs ROCm's tools, C(dkms) and C(lspci), each under a time limit, and keeps what they said with their exit status.
  - Reads what the kernel logged about the GPU, and asks every PyTorch that is named, as the user that logs in.
  - Everything is cleaned of secrets on the host, by what they look like and by the host's own.
  - Changes nothing. Without root, what root alone may read is left out.
options:
  torch:
    description: The interpreters that have PyTorch.
    type: list
    elements: dict
    default: []
    suboptions:
      where:
        description: What it is called.
        type: str
        required: true
      python:
        description: The interpreter.
        type: str
        required: true
      environment:
        description: What a program there has to be started with.
        type: dict
        default: {}
  user:
    description: Who PyTorch is asked as. Empty for whoever this runs as.
    type: str
    default: ""
  bundle:
    description: Whether to bring the files too that gpuhost keeps on the host, with the logs of long steps.
    type: bool
    default: false
  env_files:
    description: Environment files of services; the secrets in them are taken out everywhere.
    type: list
    elements: str
    default: []
  fingerprint_key:
    description: Makes RV(fingerprints) of the host's secrets, with which they are found in texts elsewhere. Empty for none.
    type: str
    default: ""
attributes:
  check_mode:
    description: Looks only, so it does the same in check mode.
    support: full
"""

EXAMPLES = r"""
- name: Ask the host's tools and its PyTorch
  gpuhost_record:
    torch:
      - {where: host, python: /opt/gpuhost/torch/bin/python}
    user: ada
"""

RETURN = r"""
record:
  description: What was seen, without secrets. See docs/info.md.
  returned: always
  type: dict
files:
  description: Texts by path, without secrets; empty unless asked for.
  returned: always
  type: dict
fingerprints:
  description: Keyed digests of the host's secrets in all their written forms.
  returned: always
  type: list
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import bundle
from ansible.module_utils.verify import record, redaction
from ansible.module_utils.verify.probes.host import Host

PLACE = {
    "where": {"type": "str", "required": True},
    "python": {"type": "str", "required": True},
    "environment": {"type": "dict", "default": {}},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "torch": {"type": "list", "elements": "dict", "default": [], "options": PLACE},
            "user": {"type": "str", "default": ""},
            "bundle": {"type": "bool", "default": False},
            "env_files": {"type": "list", "elements": "str", "default": []},
            "fingerprint_key": {"type": "str", "default": "", "no_log": True},
        },
        supports_check_mode=True,
    )
    asked = module.params
    secrets = bundle.secrets(asked["env_files"])
    clean = redaction.Redactor(secrets)
    seen = record.look(Host(), asked["torch"], asked["user"] or None)
    key = asked["fingerprint_key"]
    module.exit_json(
        changed=False,
        record=clean.document(seen),
        files={name: clean.text(text) for name, text in bundle.files().items()} if asked["bundle"] else {},
        fingerprints=redaction.fingerprints(secrets, key) if key else [],
    )


if __name__ == "__main__":
    main()
