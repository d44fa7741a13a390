"""The kinds of long steps: for each, whether there is anything to do, and how it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

from . import step_apt, step_archive, step_build, step_dkms, step_model, step_pip, step_pull
from .report import Report

Spec = dict[str, Any]


def _no_facts(spec: Spec) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Kind:
    """``needed`` looks and changes nothing; ``run`` works; ``facts`` adds to the result what is there now."""

    needed: Callable[[Spec], bool]
    run: Callable[[Spec, Report], dict[str, Any]]
    facts: Callable[[Spec], dict[str, Any]] = _no_facts


KINDS: dict[str, Kind] = {
    "apt": Kind(step_apt.needed, step_apt.run),
    "apt_remove": Kind(step_apt.remove_needed, step_apt.run_remove),
    "archive": Kind(step_archive.needed, step_archive.run),
    "build": Kind(step_build.needed, step_build.run, step_build.facts),
    "dkms": Kind(step_dkms.needed, step_dkms.run),
    "model": Kind(step_model.needed, step_model.run),
    "pip": Kind(step_pip.needed, step_pip.run),
    "pull": Kind(step_pull.needed, step_pull.run, step_pull.facts),
}
