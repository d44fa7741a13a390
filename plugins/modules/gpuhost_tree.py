#!/usr/bin/python
"""Ansible door to :mod:`onhost.trees`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_tree
short_description: Makes a folder equal to an archive
description:
  - Replaces each file in one move and keeps the folder itself, which a container may have mounted.
  - Files that are not in the archive go.
options:
  archive:
    description: Base64 of a gzipped tar with regular files.
    type: str
    required: true
  dest:
    description: The folder.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Bring the checks
  gpuhost_tree:
    src: "{{ playbook_dir }}/../verify"
    dest: /opt/gpuhost/verify
"""

RETURN = r"""
files:
  description: How many files the folder holds.
  returned: always
  type: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import trees


def main() -> None:
    module = AnsibleModule(
        argument_spec={"archive": {"type": "str", "required": True}, "dest": {"type": "path", "required": True}},
        supports_check_mode=True,
    )
    wanted = trees.unpack(module.params["archive"])
    changed = trees.read(module.params["dest"]) != wanted
    if changed and not module.check_mode:
        trees.replace(module.params["dest"], wanted)
    module.exit_json(changed=changed, files=len(wanted))


if __name__ == "__main__":
    main()
