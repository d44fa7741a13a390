"""The step kinds ``apt`` and ``apt_remove``: packages, in transactions that take nothing else away."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from . import apt_work, boot_space, dkms, dpkg
from .apt_output import classify, parse_candidates
from .finding import FindingError
from .report import Report

Spec = dict[str, Any]

_PACKAGE = re.compile(r"^[a-z0-9][a-z0-9+.-]*(:[a-z0-9-]+)?(=[A-Za-z0-9.+:~-]+)?$")


def needed(spec: Spec) -> bool:
    """Whether a package is missing, has another version than ``name=version`` says, or was left half installed."""
    return bool(_missing(spec["packages"]))


def run(spec: Spec, report: Report) -> dict[str, Any]:
    """All packages of ``spec`` are installed; ``{"installed": […]}`` names what this transaction added.

    ``ca`` names PEM files on the host that are trusted for this, whether or not the host has a trust store by now.
    For kernels that come with them dkms does not build the module ``passing_over`` names: its own step does that.

    :raises FindingError: ``GH-APT-…``, ``GH-DPKG-INTERRUPTED`` or ``GH-DISK-FULL``; where the simulation
        shows that a package not in ``remove_allowed`` would go or be downgraded, or that ``/boot`` has no room for a
        kernel that comes (``GH-BOOT-FULL``), nothing was changed.
    """
    with apt_work.trusting(spec.get("ca") or []):
        return _install(spec, report)


def _install(spec: Spec, report: Report) -> dict[str, Any]:
    names = _checked(spec["packages"])
    apt_work.repair(report)
    trouble = apt_work.update(report) if spec.get("update", True) else ""
    plan = apt_work.simulate(["install", "--no-install-recommends", *names], report, trouble)
    allowed = set(spec.get("remove_allowed") or [])
    apt_work.refuse_losses(plan, allowed)
    boot_space.require(boot_space.kernels_among(plan.new))
    # Noted before the work begins: after a kill the next run still knows which packages are ours.
    report.note(planned=plan.new)
    before = set(dpkg.installed())
    size = apt_work.download_size(names, report)
    keep = [] if plan.removed else ["--no-remove"]
    argv = ["install", "-y", "--no-install-recommends", *keep, *apt_work.KEEP_CONFIGURATION, *names]
    with _passing_over(spec):
        apt_work.act(argv, report, size, len(plan.new) + len(plan.upgraded))
    if missing := _missing(names):
        raise FindingError("GH-APT-FAILED", f"apt-get ended well, yet {', '.join(missing)} is not installed")
    return {"installed": sorted(set(dpkg.installed()) - before)}


def remove_needed(spec: Spec) -> bool:
    """Whether anything of a package, if only its configuration, is still there."""
    known = dpkg.packages()
    return any(name in known and known[name].state != "not-installed" for name in spec["packages"])


def run_remove(spec: Spec, report: Report) -> dict[str, Any]:
    """The packages of ``spec`` and their configuration are gone, and nothing else.

    :raises FindingError: ``GH-APT-REMOVES`` when others would go with them, ``GH-APT-NOT-FOUND`` and its like when one of
        ``instead``, which are to take their place, cannot be had; nothing was changed.
    """
    known = dpkg.packages()
    names = [name for name in _checked(spec["packages"]) if name in known]
    apt_work.repair(report)
    if spec.get("instead"):
        _refuse_unavailable(_checked(spec["instead"]), report)
    plan = apt_work.simulate(["purge", *names], report)
    apt_work.refuse_losses(plan, set(names))
    apt_work.act(["purge", "-y", *names], report, 0, len(names))
    return {"installed": [], "removed": names}


def _refuse_unavailable(names: list[str], report: Report) -> None:
    """What works is not taken away for something that the sources, as they are now, do not offer."""
    trouble = apt_work.update(report)
    _, output = apt_work.run(["apt-cache", "policy", *map(_bare, names)], report)
    lacking = [name for name in names if _bare(name) not in parse_candidates(output)]
    if lacking:
        id, seen = classify(trouble) if trouble else ("GH-APT-NOT-FOUND", f"no source offers {', '.join(lacking)}")
        raise FindingError(id, seen, report.tail())


def _passing_over(spec: Spec) -> AbstractContextManager[None]:
    module = spec.get("passing_over")
    return dkms.passed_over(module) if module else nullcontext()


def _checked(names: list[str]) -> list[str]:
    wrong = [name for name in names if not _PACKAGE.match(name)]
    if wrong:
        raise FindingError("GH-APT-NOT-FOUND", f"no package can be called {', '.join(map(repr, wrong))}")
    return names


def _missing(names: list[str]) -> list[str]:
    present = dpkg.installed()
    asked = {name: (_bare(name), name.partition("=")[2]) for name in names}
    return [name for name, (bare, version) in asked.items() if bare not in present or version not in ("", present[bare])]


def _bare(name: str) -> str:
    return re.split("[:=]", name, maxsplit=1)[0]
