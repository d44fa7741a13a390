"""Command lines and environment of Ansible. Pure: builds lists and dictionaries, starts nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from control.actions import RUN_DIR_VARIABLE
from control.paths import PLAYBOOKS_DIR, ROOT


def playbook(
    name: str,
    inventories: Sequence[Path],
    limit: Sequence[str] = (),
    variables: Mapping[str, Any] | None = None,
) -> list[str]:
    """The command that runs ``playbooks/<name>.yml``: a person can run the same line by hand.

    :param inventories: the common one first; a later one overrides an earlier.
    :param variables: handed on as JSON, which keeps types (``key=value`` makes text of everything).
    """
    command = [str(Path(sys.executable).parent / "ansible-playbook")]
    for inventory in inventories:
        command += ["-i", str(inventory)]
    if limit:
        command += ["--limit", ",".join(limit)]
    if variables:
        command += ["--extra-vars", json.dumps(variables, sort_keys=True)]
    return [*command, str(PLAYBOOKS_DIR / f"{name}.yml")]


def environment(base: Mapping[str, str], run_dir: Path, recorded: bool = True) -> dict[str, str]:
    """``base`` with what a run needs on top.

    :param recorded: whether events and outcome go into ``run_dir``; not for what is done after a run that is there already.
    """
    return {
        **base,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        **({"ANSIBLE_CALLBACKS_ENABLED": "gpuhost"} if recorded else {}),
        # The log is for reading: no colours, no columns of the terminal that nobody sees.
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_FORCE_COLOR": "0",
        "PYTHONUNBUFFERED": "1",
        RUN_DIR_VARIABLE: str(run_dir),
    }
