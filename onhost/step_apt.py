"""The step kinds ``apt`` and ``apt_remove``: packages, in transactions that take nothing else away."""

from __future__ import annotations

import os
import re
from typing import Any

from . import apt_locks, dpkg, paths
from .apt_output import Transaction, classify, parse_candidates, parse_simulation, parse_sizes, parse_status, problems
from .finding import FindingError
from .process import run as run_process
from .report import Report

Spec = dict[str, Any]

#: Explicit, because apt-get's own default is not to wait at all.
_OPTIONS = (
    "-o",
    f"DPkg::Lock::Timeout={apt_locks.LIMIT_SECONDS}",
    "-o",
    "Acquire::Retries=3",
    "-o",
    "Dpkg::Use-Pty=0",
    # apt-get alone would fill the host's disk with archives that nobody needs again.
    "-o",
    "APT::Keep-Downloaded-Packages=false",
)
_QUIET = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBIAN_PRIORITY": "critical",
    "APT_LISTCHANGES_FRONTEND": "none",
    "UCF_FORCE_CONFFOLD": "1",
    # needrestart would restart services in the middle of the work.
    "NEEDRESTART_SUSPEND": "1",
    "LC_ALL": "C.UTF-8",
}
_KEEP_CONFIGURATION = ("-o", "Dpkg::Options::=--force-confold")
_PACKAGE = re.compile(r"^[a-z0-9][a-z0-9+.-]*(:[a-z0-9-]+)?(=[A-Za-z0-9.+:~-]+)?$")


def needed(spec: Spec) -> bool:
    """Whether a package is missing, has another version than ``name=version`` says, or was left half installed."""
    return bool(_missing(spec["packages"]))


def run(spec: Spec, report: Report) -> dict[str, Any]:
    """All packages of ``spec`` are installed; ``{"installed": […]}`` names what this transaction added.

    :raises FindingError: ``GH-APT-…``, ``GH-DPKG-INTERRUPTED`` or ``GH-DISK-FULL``; where the simulation
        shows that a package not in ``remove_allowed`` would go or be downgraded, nothing was changed.
    """
    names = _checked(spec["packages"])
    repair(report)
    trouble = _update(report) if spec.get("update", True) else ""
    plan = _simulate(["install", "--no-install-recommends", *names], report, trouble)
    allowed = set(spec.get("remove_allowed") or [])
    _refuse_losses(plan, allowed)
    # Noted before the work begins: after a kill the next run still knows which packages are ours.
    report.note(planned=plan.new)
    before = set(dpkg.installed())
    size = _download_size(names, report)
    keep = [] if plan.removed else ["--no-remove"]
    argv = ["install", "-y", "--no-install-recommends", *keep, *_KEEP_CONFIGURATION, *names]
    _act(argv, report, size, len(plan.new) + len(plan.upgraded))
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
    repair(report)
    if spec.get("instead"):
        _refuse_unavailable(_checked(spec["instead"]), report)
    plan = _simulate(["purge", *names], report, "")
    _refuse_losses(plan, set(names))
    _act(["purge", "-y", *names], report, 0, len(names))
    return {"installed": [], "removed": names}


def repair(report: Report) -> None:
    """No package is half installed, and no other program holds apt's locks.

    :raises FindingError: ``GH-DPKG-INTERRUPTED`` when that would need the removal of something.
    """
    apt_locks.wait_until_free(report)
    half = dpkg.interrupted()
    if not half:
        return
    report.say("repair", f"finishing an interrupted installation: {', '.join(half[:5])}")
    report.log(f"dpkg was interrupted: {', '.join(half)}")
    _run(["dpkg", "--configure", "-a", "--force-confold"], report)
    if not dpkg.interrupted():
        return
    plan = _simulate(["-f", "install"], report, "")
    if plan.removed or plan.downgraded:
        lost = ", ".join([*plan.removed, *plan.downgraded])
        raise FindingError("GH-DPKG-INTERRUPTED", f"{', '.join(half)}; to repair that, apt would remove {lost}")
    _act(["-f", "install", "-y", "--no-remove", *_KEEP_CONFIGURATION], report, 0, len(half))


def _update(report: Report) -> str:
    """Package lists are fresh; what other sources than ours had to complain about.

    :raises FindingError: when a source that gpuhost set up cannot be used.
    """
    report.say("update", "reading the package lists")
    _, output = _run(["apt-get", "update", "-o", "APT::Update::Error-Mode=any", *_OPTIONS], report)
    trouble = problems(output)
    ours = [line for line in trouble if any(uri in line for uri in _our_sources())]
    if ours:
        id, seen = classify("\n".join(ours))
        raise FindingError(id, seen, "\n".join(trouble))
    return "\n".join(trouble)


def _our_sources() -> list[str]:
    """Addresses in the source lists that gpuhost wrote."""
    lists = paths.under("/etc/apt/sources.list.d").glob("gpuhost*")
    found = (re.findall(r"https?://[^\s\]]+", path.read_text(encoding="utf-8")) for path in lists)
    return sorted({uri.rstrip("/") for uris in found for uri in uris})


def _simulate(command: list[str], report: Report, trouble: str) -> Transaction:
    """What apt would do.

    :param trouble: what ``apt-get update`` said; it is the cause when packages cannot be found.
    """
    report.say("plan", "asking apt what would change")
    code, output = _run(["apt-get", "-s", *_OPTIONS, *command], report)
    if code:
        id, seen = classify(trouble) if trouble else classify(output)
        raise FindingError(id, seen, report.tail())
    return parse_simulation(output)


def _refuse_unavailable(names: list[str], report: Report) -> None:
    """What works is not taken away for something that the sources, as they are now, do not offer."""
    trouble = _update(report)
    _, output = _run(["apt-cache", "policy", *map(_bare, names)], report)
    lacking = [name for name in names if _bare(name) not in parse_candidates(output)]
    if lacking:
        id, seen = classify(trouble) if trouble else ("GH-APT-NOT-FOUND", f"no source offers {', '.join(lacking)}")
        raise FindingError(id, seen, report.tail())


def _refuse_losses(plan: Transaction, allowed: set[str]) -> None:
    removed = [name for name in plan.removed if name not in allowed]
    lost = [f"remove {name}" for name in removed] + [f"downgrade {name}" for name in plan.downgraded]
    if lost:
        raise FindingError("GH-APT-REMOVES", f"apt would {', '.join(lost)}")


def _download_size(names: list[str], report: Report) -> int:
    argv = ["apt-get", "install", "--print-uris", "-qq", "-y", "--no-install-recommends", *names]
    _, output = _run(argv, report, quiet=True)
    return parse_sizes(output)


def _act(command: list[str], report: Report, size: int, count: int) -> None:
    """The transaction is done, with its progress told.

    :raises FindingError: as :func:`classify` reads apt's words.
    """

    def hear_status(line: str) -> None:
        status = parse_status(line)
        if status and status.kind == "dlstatus":
            done = round(size * status.percent / 100)
            report.say("download", status.text, done, size or None, "bytes")
        elif status:
            report.say("install", status.text, round(count * status.percent / 100), count)

    no_others = ("-o", "APT::Get::AutomaticRemove=false")
    argv = ["apt-get", *_OPTIONS, *no_others, "-o", "APT::Status-Fd={status_fd}", *command]
    lines: list[str] = []

    def hear(line: str) -> None:
        lines.append(line)
        report.log(line)

    code = run_process(argv, hear, env=_environment(), status=hear_status)
    if code:
        id, seen = classify("\n".join(lines))
        raise FindingError(id, seen, report.tail())


def _run(argv: list[str], report: Report, quiet: bool = False) -> tuple[int, str]:
    lines: list[str] = []

    def hear(line: str) -> None:
        lines.append(line)
        if not quiet:
            report.log(line)

    return run_process(argv, hear, env=_environment()), "\n".join(lines)


def _environment() -> dict[str, str]:
    return {**os.environ, **_QUIET}


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
