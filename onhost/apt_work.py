"""apt and dpkg at work: asked first, told of, mended where they were cut off. Shared by the steps that install packages."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path

from . import apt_locks, dkms, dpkg, paths
from .apt_output import Transaction, classify, parse_simulation, parse_sizes, parse_status, problems
from .finding import FindingError
from .process import run as run_process
from .report import Report
from .siblings import scratch_apt

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
KEEP_CONFIGURATION = ("-o", "Dpkg::Options::=--force-confold")


#: Options of the transactions inside :func:`trusting`.
_TRUST: ContextVar[tuple[str, ...]] = ContextVar("_TRUST", default=())


@contextlib.contextmanager
def trusting(authorities: Sequence[str]) -> Iterator[None]:
    """Inside the block apt trusts these PEM files of the host, too: where what makes a trust store is missing."""
    if not authorities:
        yield
        return
    texts = [scratch_apt.system_authorities(), *(paths.under(path).read_text(encoding="utf-8") for path in authorities)]
    with tempfile.TemporaryDirectory(prefix="gpuhost-apt-") as name:
        # apt fetches as the user _apt, who has to find its way in here.
        Path(name).chmod(0o755)
        bundle = Path(name, "authorities.pem")
        bundle.write_text("\n".join(filter(None, texts)), encoding="utf-8")
        bundle.chmod(0o644)
        before = _TRUST.set(("-o", f"Acquire::https::CAInfo={bundle}"))
        try:
            yield
        finally:
            _TRUST.reset(before)


def repair(report: Report) -> None:
    """No package is half installed, and no other program holds apt's locks.

    Where the only thing in dpkg's way is a module that does not build for some kernel, the packages get configured without
    it: modules of other kernels stay as they are, and those that do build are built after all.

    :raises FindingError: ``GH-DPKG-INTERRUPTED`` when that would need the removal of something.
    """
    apt_locks.wait_until_free(report)
    half = dpkg.interrupted()
    if not half:
        return
    report.say("repair", f"finishing an interrupted installation: {', '.join(half[:5])}")
    report.log(f"dpkg was interrupted: {', '.join(half)}")
    _configure(report)
    if not dpkg.interrupted() or _configured_without_dkms(report):
        return
    plan = simulate(["-f", "install"], report)
    if plan.removed or plan.downgraded:
        lost = ", ".join([*plan.removed, *plan.downgraded])
        raise FindingError("GH-DPKG-INTERRUPTED", f"{', '.join(half)}; to repair that, apt would remove {lost}")
    act(["-f", "install", "-y", "--no-remove", *KEEP_CONFIGURATION], report, 0, len(half))


def _configure(report: Report) -> None:
    run(["dpkg", "--configure", "-a", "--force-confold"], report)


def _configured_without_dkms(report: Report) -> bool:
    """Whether dpkg is whole once no module is built on the way."""
    if not paths.under("/usr/sbin/dkms").exists():
        return False
    report.log("once more, with dkms kept from building")
    with dkms.held():
        _configure(report)
    if dpkg.interrupted():
        return False
    for release in sorted(path.name for path in paths.under("/lib/modules").glob("*")):
        if dkms.has_headers(release):
            # Other modules, which may build: what does not is in the log, and the driver's own step tells of its.
            run(["dkms", "autoinstall", "--kernelver", release], report)
    return True


def update(report: Report) -> str:
    """Package lists are fresh; what other sources than ours had to complain about.

    :raises FindingError: when a source that gpuhost set up cannot be used.
    """
    report.say("update", "reading the package lists")
    _, output = run(["apt-get", "update", "-o", "APT::Update::Error-Mode=any", *_options()], report)
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


def simulate(command: list[str], report: Report, trouble: str = "") -> Transaction:
    """What apt would do.

    :param trouble: what ``apt-get update`` said; it is the cause when packages cannot be found.
    """
    report.say("plan", "asking apt what would change")
    code, output = run(["apt-get", "-s", *_options(), *command], report)
    if code:
        id, seen = classify(trouble) if trouble else classify(output)
        raise FindingError(id, seen, report.tail())
    return parse_simulation(output)


def refuse_losses(plan: Transaction, allowed: set[str]) -> None:
    """Nothing goes, or becomes older, but what was agreed to.

    :raises FindingError: ``GH-APT-REMOVES``.
    """
    removed = [name for name in plan.removed if name not in allowed]
    lost = [f"remove {name}" for name in removed] + [f"downgrade {name}" for name in plan.downgraded]
    if lost:
        raise FindingError("GH-APT-REMOVES", f"apt would {', '.join(lost)}")


def download_size(names: list[str], report: Report) -> int:
    """Bytes that apt would fetch for these packages."""
    argv = ["apt-get", "install", "--print-uris", "-qq", "-y", "--no-install-recommends", *names]
    _, output = run(argv, report, quiet=True)
    return parse_sizes(output)


def act(command: list[str], report: Report, size: int, count: int) -> None:
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
    argv = ["apt-get", *_options(), *no_others, "-o", "APT::Status-Fd={status_fd}", *command]
    lines: list[str] = []

    def hear(line: str) -> None:
        lines.append(line)
        report.log(line)

    code = run_process(argv, hear, env=_environment(), status=hear_status)
    if code:
        id, seen = classify("\n".join(lines))
        raise FindingError(id, seen, report.tail())


def act_dpkg(arguments: list[str], report: Report) -> None:
    """dpkg did it.

    :raises FindingError: as :func:`classify` reads its words.
    """
    code, output = run(["dpkg", *arguments], report)
    if code:
        id, seen = classify(output)
        raise FindingError(id, seen, report.tail())


def run(argv: list[str], report: Report, quiet: bool = False) -> tuple[int, str]:
    """Exit status and output of a program of apt's, with nobody to answer its questions."""
    lines: list[str] = []

    def hear(line: str) -> None:
        lines.append(line)
        if not quiet:
            report.log(line)

    return run_process(argv, hear, env=_environment()), "\n".join(lines)


def _options() -> list[str]:
    return [*_OPTIONS, *_TRUST.get()]


def _environment() -> dict[str, str]:
    return {**os.environ, **_QUIET}
