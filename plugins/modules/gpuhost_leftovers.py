#!/usr/bin/python
"""Ansible door to :mod:`onhost.leftovers`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_leftovers
short_description: Takes what AMD's installer and guides left out of a host's files
description:
  - Only what the plan lists, and only lines that are such a leftover; what else a file holds stays.
  - Each file is in a backup before, as it was, which nobody removes.
  - Packages among the leftovers are passed by; a package step removes them.
options:
  role:
    description: The role that cleans, so that C(./gpuhost remove) can say where the backup is.
    type: str
    required: true
  leftovers:
    description: The leftovers.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: The file, or a package's name.
        type: str
        required: true
      kind:
        description: What it is.
        type: str
        required: true
        choices: [source, pin, key, extra_groups, linker, package]
"""

EXAMPLES = r"""
- name: Clean what an earlier installation left
  gpuhost_leftovers:
    role: rocm
    leftovers:
      - {path: /etc/apt/sources.list.d/rocm.list, kind: source}
"""

RETURN = r"""
cleaned:
  description: The files that were changed or went.
  returned: success
  type: list
backup:
  description: The folder with what they were; empty where nothing was cleaned.
  returned: success
  type: str
gpuhost_finding:
  description: Why it failed.
  returned: failed
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import leftovers


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "role": {"type": "str", "required": True},
            "leftovers": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "str", "required": True},
                    "kind": {
                        "type": "str",
                        "required": True,
                        "choices": ["source", "pin", "key", "extra_groups", "linker", "package"],
                    },
                },
            },
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        outcome = leftovers.clean(asked["role"], asked["leftovers"], check=module.check_mode)
    except OSError as problem:
        module.fail_json(msg=str(problem), gpuhost_finding={"id": "GH-STEP-FAILED", "seen": str(problem)})
    module.exit_json(changed=bool(outcome.cleaned), **vars(outcome))


if __name__ == "__main__":
    main()
