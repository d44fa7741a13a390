#!/usr/bin/python
"""Ansible door to :mod:`onhost.kernel_modules`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_kernel_module
short_description: Loads the installed build of a driver, or says that only a reboot brings it
description:
  - Compares the loaded module with the file that modprobe would take for the running kernel, by srcversion.
  - One that nobody uses is exchanged at once; one that drives a device or that a program has open is left, and
    RV(reasons) says why a reboot is needed.
options:
  name:
    description: The module.
    type: str
    required: true
  kernels:
    description: Releases that the driver was built for. None of them means that it is the kernel's own.
    type: list
    elements: str
    default: []
  options:
    description: Lines as in modprobe.d(5) that it is to have been loaded with.
    type: list
    elements: str
    default: []
  only_loaded:
    description: Leave it alone where it is not loaded.
    type: bool
    default: false
  settled:
    description: The host is as planned where no reason is left; earlier reboots of gpuhost's then count no more.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Load the driver
  gpuhost_kernel_module:
    name: amdgpu
    kernels: ["6.12.107+deb13-amd64"]
"""

RETURN = r"""
loaded:
  description: Whether it is loaded.
  returned: success
  type: bool
srcversion:
  description: That of the loaded module.
  returned: success
  type: str
file:
  description: What modprobe takes for the running kernel.
  returned: success
  type: str
file_srcversion:
  description: That of the file.
  returned: success
  type: str
reasons:
  description: Why a reboot is needed; empty where none is.
  returned: success
  type: list
gpuhost_finding:
  description: Why the kernel does not take it.
  returned: failed
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import kernel_modules, lease, reboots
from ansible.module_utils.onhost.finding import FindingError


def main() -> None:
    words = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "kernels": words,
            "options": words,
            "only_loaded": {"type": "bool", "default": False},
            "settled": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    asked = module.params
    wanted = kernel_modules.asked_for(asked["options"])
    try:
        lease.touch()
        state = kernel_modules.ensure(
            asked["name"], asked["kernels"], wanted, only_loaded=asked["only_loaded"], check=module.check_mode
        )
    except FindingError as problem:
        module.fail_json(msg=problem.seen, gpuhost_finding=problem.as_dict())
    if asked["settled"] and not state.reasons and not module.check_mode:
        reboots.forget()
    module.exit_json(**vars(state))


if __name__ == "__main__":
    main()
