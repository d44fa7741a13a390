#!/usr/bin/python
"""Ansible door to :mod:`onhost.folders`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_folder
short_description: Makes a folder for users' data once
description:
  - A folder that exists keeps its owner and mode, whatever they are. Where its service could not use it, the module
    fails with the finding GH-DATA-OWNER and the command that mends it.
options:
  path:
    description: The folder.
    type: path
    required: true
  uid:
    description: Numeric owner of a new folder.
    type: int
    required: true
  gid:
    description: Numeric group of a new folder.
    type: int
    required: true
  mode:
    description: Mode of a new folder, four octal digits.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Make the folder of the notebooks
  gpuhost_folder:
    path: /srv/gpuhost/jupyter/notebooks
    uid: 1000
    gid: 1000
    mode: "0750"
"""

RETURN = r"""
gpuhost_finding:
  description: The finding, where an existing folder has the wrong owner.
  returned: failed
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import folders
from ansible.module_utils.onhost.finding import FindingError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "uid": {"type": "int", "required": True},
            "gid": {"type": "int", "required": True},
            "mode": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    try:
        changed = folders.ensure(
            wanted["path"], wanted["uid"], wanted["gid"], int(wanted["mode"], 8), check=module.check_mode
        )
    except FindingError as problem:
        module.fail_json(msg=problem.seen, gpuhost_finding=problem.as_dict())
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
