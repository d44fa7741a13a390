#!/usr/bin/python
"""Ansible door to :mod:`onhost.kernel_parameters`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_kernel_parameters
short_description: Adds kernel parameters to those that the administrator has set
description:
  - Writes one drop-in of gpuhost's own, which adds to GRUB_CMDLINE_LINUX, and has GRUB make its menu. /etc/default/grub
    keeps its content; where GRUB reads no drop-ins, it gets one line that reads ours.
  - A parameter that is set to another value elsewhere stays as it is, and is named in RV(conflicts).
  - On a host without GRUB nothing is changed; RV(manual) then names what a person has to add.
  - The action plugin of the same name puts both into words.
options:
  parameters:
    description: The parameters. None of them means that the drop-in goes.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: As the kernel knows it.
        type: str
        required: true
      value:
        description: Its value; nothing for a parameter that stands alone.
        type: str
"""

EXAMPLES = r"""
- name: Set the kernel's parameters
  gpuhost_kernel_parameters:
    parameters:
      - {name: ttm.pages_limit, value: "25165824"}

- name: Take the kernel's parameters back
  gpuhost_kernel_parameters:
    parameters: []
"""

RETURN = r"""
words:
  description: What each boot now gets of what was wanted.
  returned: success
  type: list
conflicts:
  description: What was wanted and is set otherwise, as C(name), C(wanted) and C(found).
  returned: success
  type: list
manual:
  description: What a person has to add to the boot loader's configuration.
  returned: success
  type: list
reboot_needed:
  description: Whether the kernel that runs was started with something else.
  returned: success
  type: bool
gpuhost_finding:
  description: Why it failed.
  returned: failed
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import kernel_parameters
from ansible.module_utils.onhost.finding import FindingError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "parameters": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {"name": {"type": "str", "required": True}, "value": {"type": "str"}},
            }
        },
        supports_check_mode=True,
    )
    try:
        outcome = kernel_parameters.ensure(module.params["parameters"], check=module.check_mode)
    except FindingError as problem:
        module.fail_json(msg=f"{problem.seen}\n{problem.detail}", gpuhost_finding=problem.as_dict())
    except ValueError as problem:
        module.fail_json(msg=str(problem))
    module.exit_json(**vars(outcome))


if __name__ == "__main__":
    main()
