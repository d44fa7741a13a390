#!/usr/bin/python
"""Ansible door to :mod:`onhost.reboots`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_reboot
short_description: Reboots a host for given reasons, once
description:
  - The action plugin of the same name does most of it. It leaves the reboot to a person where the site says so or where it
    would end the run itself, reboots, waits, and takes the lease again. This module counts on the host, so that a reboot
    that did not help is not repeated for ever.
options:
  reasons:
    description: Why the host has to be rebooted. None of them means that there is nothing to do.
    type: list
    elements: str
    required: true
  mode:
    description: What the site wants; the action plugin reads it. C(later) only says that a reboot is due.
      C(last) never reboots and fails where a reason is left.
    type: str
    choices: [auto, never, later, last]
    default: auto
  timeout:
    description: Seconds that the host has to shut down, and the same again to come back; the action plugin reads it.
    type: float
    default: 900
  phase:
    description:
      - C(look) only tells the boot, C(note) counts the reboot that is about to come.
      - C(leave) counts it and lets the host reboot by itself shortly after the answer.
      - C(end) fails where a reason is left; else earlier reboots count no more.
    type: str
    choices: [look, note, leave, end]
    default: note
"""

EXAMPLES = r"""
- name: Reboot where the loaded driver is not the installed one
  gpuhost_reboot:
    reasons: ["the loaded amdgpu is another build than the installed one"]
    mode: auto
    timeout: 900
"""

RETURN = r"""
boot_id:
  description: The boot that ends.
  returned: success
  type: str
count:
  description: Which reboot for these reasons it is.
  returned: C(note) and C(leave)
  type: int
delay:
  description: Seconds until the host reboots by itself.
  returned: C(leave)
  type: int
gpuhost_finding:
  description: Why it is refused.
  returned: failed
  type: dict
"""

import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import clock, lease, reboots
from ansible.module_utils.onhost.finding import FindingError

#: Seconds until a host reboots by itself: the run's last words come first.
DELAY = 20


def apply(phase: str, reasons: list) -> dict:
    """What the caller asked for is done; what it is told."""
    answer = {"changed": phase in ("note", "leave"), "boot_id": clock.boot_id()}
    if phase == "end":
        reboots.end(reasons)
    if answer["changed"]:
        lease.touch()
        answer["count"] = reboots.begin(reasons)
    if phase == "leave":
        argv = ["systemd-run", "--quiet", f"--on-active={DELAY}", "systemctl", "reboot"]
        subprocess.run(argv, check=True, capture_output=True)
        answer["delay"] = DELAY
    return answer


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "reasons": {"type": "list", "elements": "str", "required": True},
            "mode": {"type": "str", "choices": ["auto", "never", "later", "last"], "default": "auto"},
            "timeout": {"type": "float", "default": 900},
            "phase": {"type": "str", "choices": ["look", "note", "leave", "end"], "default": "note"},
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        answer = apply("look" if module.check_mode else asked["phase"], asked["reasons"])
    except FindingError as problem:
        module.fail_json(msg=problem.seen, gpuhost_finding=problem.as_dict())
    except subprocess.CalledProcessError as problem:
        seen = f"systemd-run: {problem.stderr.decode(errors='replace').strip()}"
        module.fail_json(msg=seen, gpuhost_finding={"id": "GH-STEP-FAILED", "seen": seen})
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
