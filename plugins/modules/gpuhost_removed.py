#!/usr/bin/python
"""Ansible door to :mod:`onhost.removal`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_removed
short_description: Takes away what a role brought to a host, and nothing else
description:
  - The role's seal says what is ours, its baseline what was there before gpuhost. Packages go only where our own
    transaction installed them and no other software needs them; user data stays, and what stays remains known as ours.
  - With O(keep), only what the role brought and no longer wants goes. The action plugin of the same name renders the role's
    footprint as it is now into it when O(outdated) is given.
options:
  role:
    description: The role.
    type: str
    required: true
  items:
    description: Further items of its footprint, beside those of its seal and baseline.
    type: list
    elements: dict
    default: []
  purge_data:
    description: Remove user data too.
    type: bool
    default: false
  outdated:
    description: Take away only what is in the role's footprint no more.
    type: bool
    default: false
  keep:
    description: The footprint that is wanted from now on.
    type: list
    elements: dict
    default: []
  leave:
    description: Kinds of items that stay with O(outdated), and stay known as ours, though they are wanted no more.
    type: list
    elements: str
    default: []
  instead:
    description: Packages that take the place of those that go; without them nothing goes.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Take ROCm's tools away
  gpuhost_removed:
    role: rocm

- name: Take away what the plan no longer wants
  gpuhost_removed:
    role: rocm
    outdated: true
    instead: [rocm-hip-runtime]
"""

RETURN = r"""
removed:
  description: Items that went.
  returned: always
  type: list
packages:
  description: Packages that went.
  returned: always
  type: list
kept:
  description: Items that stayed, each with the reason. Among them the folders with what gpuhost set aside.
  returned: always
  type: dict
gpuhost_finding:
  description: Why it failed.
  returned: failed
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import lease, removal, steps
from ansible.module_utils.onhost.finding import FindingError
from ansible.module_utils.onhost.siblings import EngineError

#: Seconds; removing a stack of packages takes minutes on a slow disk.
LIMIT = 1800


def remove_packages(role: str, packages: list, instead: list) -> None:
    """The packages are gone.

    :raises FindingError: why they are not.
    """
    step = "remove-" + role.replace("_", "-")
    answer = steps.advance(step, "apt_remove", {"packages": packages, "instead": instead}, wait=LIMIT)
    result = answer["result"]
    if answer["state"] == steps.RUNNING:
        raise FindingError("GH-STEP-FAILED", f"removing {len(packages)} packages took longer than {LIMIT} s")
    if answer["state"] == steps.FAILED:
        raise FindingError(result["error_id"], result["error"], result["detail"] or "")


def apply(asked: dict, check: bool) -> removal.Outcome:
    """The role's things are gone, or those that it wants no more; what went and what stayed."""
    role, keep = asked["role"], asked["keep"] if asked["outdated"] else None
    if keep is not None:
        keep = [*keep, *removal.of_kinds(role, asked["leave"])]
    if not check:
        lease.touch()
    outcome = removal.remove(role, asked["items"], asked["purge_data"], check, keep=keep)
    if check:
        return outcome
    if outcome.packages:
        remove_packages(role, outcome.packages, asked["instead"])
    removal.sweep(role, outcome, asked["items"], keep)
    if keep is None:
        removal.finish(role, outcome)
    else:
        removal.settle(role, outcome, keep)
    return outcome


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "role": {"type": "str", "required": True},
            "items": {"type": "list", "elements": "dict", "default": []},
            "purge_data": {"type": "bool", "default": False},
            "outdated": {"type": "bool", "default": False},
            "keep": {"type": "list", "elements": "dict", "default": []},
            "leave": {"type": "list", "elements": "str", "default": []},
            "instead": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        outcome = apply(asked, module.check_mode)
    except FindingError as problem:
        module.fail_json(msg=f"{problem.seen}\n{problem.detail}", gpuhost_finding=problem.as_dict())
    except (EngineError, OSError) as problem:
        module.fail_json(msg=str(problem), gpuhost_finding={"id": "GH-STEP-FAILED", "seen": str(problem)})
    changed = bool(outcome.removed or outcome.packages)
    module.exit_json(changed=changed, removed=outcome.removed, packages=outcome.packages, kept=outcome.kept)


if __name__ == "__main__":
    main()
