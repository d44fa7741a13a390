"""What apt's output means. Pure: text in, facts out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .process import redact

# In this order: the first that any line fits names the finding. Texts: apt 2.4 to 3.0, dpkg 1.21 to 1.22.
_ERRORS: tuple[tuple[str, str], ...] = (
    ("GH-DISK-FULL", r"You don't have enough free space|No space left on device"),
    (
        "GH-APT-SIGNATURE",
        r"NO_PUBKEY|BADSIG|EXPKEYSIG|REVKEYSIG|is not signed|/sqv returned an error|Missing key|"
        r"signatures? (were|was|is) invalid|couldn't be verified|cannot be authenticated|"
        r"unauthenticated packages|Hash Sum mismatch|File has unexpected size|got 'NOSPLIT'|"
        # A wrong clock, or a mirror that somebody holds back, shows here.
        r"Release file for .* is (expired|not valid yet)|Not live until",
    ),
    ("GH-APT-LOCKED", r"Could not get lock|Unable to acquire the dpkg frontend lock|Unable to lock"),
    (
        "GH-DPKG-INTERRUPTED",
        r"dpkg was interrupted|Unmet dependencies\. Try|very bad inconsistent state",
    ),
    ("GH-APT-FAILED", r"unmet dependencies|held broken packages|Held packages were changed"),
    (
        "GH-APT-UNREACHABLE",
        r"[Cc]ould not resolve|Temporary failure resolving|[Cc]ould not connect|Unable to connect|"
        r"Connection (failed|refused|timed out)|Cannot initiate the connection|"
        r"[Cc]ertificate verif(y|ication) failed|Failed to fetch|(does not|no longer) ha(ve|s) a Release file",
    ),
    (
        "GH-APT-NOT-FOUND",
        r"Unable to locate package|has no installation candidate|^E: Version .* was not found|"
        r"Couldn't find any package by",
    ),
)

_STATUS = re.compile(r"^(dlstatus|pmstatus|pmerror):(.+?):([\d.]+):(.*)$")
_ACTION = re.compile(r"^(Inst|Remv|Purg) (\S+)(?: \[([^\]]+)\])?(?: \((\S+))?")


@dataclass(frozen=True)
class Status:
    """One line of ``APT::Status-Fd``; ``percent`` of the whole phase."""

    kind: str
    subject: str
    percent: float
    text: str


@dataclass
class Transaction:
    """What a simulation (``apt-get -s``) would do: package names."""

    new: list[str] = field(default_factory=list)
    upgraded: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    downgraded: list[str] = field(default_factory=list)


def parse_status(line: str) -> Status | None:
    """A line of the status pipe, or ``None`` for one that says nothing about progress."""
    match = _STATUS.match(line)
    return Status(match[1], match[2], float(match[3]), match[4]) if match else None


def parse_simulation(output: str) -> Transaction:
    """What ``apt-get -s install`` or ``-s purge`` printed."""
    found = Transaction(downgraded=_section(output, "The following packages will be DOWNGRADED:"))
    for line in output.splitlines():
        match = _ACTION.match(line)
        if not match:
            continue
        action, name, old = match[1], match[2].partition(":")[0], match[3]
        if action == "Inst":
            (found.upgraded if old else found.new).append(name)
        else:
            found.removed.append(name)
    return found


def parse_sizes(output: str) -> int:
    """Bytes to download, summed over what ``apt-get --print-uris`` printed."""
    sizes = re.findall(r"^'[^']+' \S+ (\d+)", output, flags=re.MULTILINE)
    return sum(int(size) for size in sizes)


def parse_candidates(output: str) -> dict[str, str]:
    """Candidate version by name, of what ``apt-cache policy`` printed; a package without one is left out."""
    found = re.findall(r"^(\S+):$.*?^  Candidate: (\S+)$", output, flags=re.MULTILINE | re.DOTALL)
    return {name: version for name, version in found if version != "(none)"}


def problems(output: str) -> list[str]:
    """The lines of ``apt-get update`` that tell of a source that could not be used."""
    return [line for line in output.splitlines() if re.match(r"^(E|W|Err):", line)]


def classify(output: str) -> tuple[str, str]:
    """``(finding id, the line that shows it)``; ``GH-APT-FAILED`` with the last words where nothing fits."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for id, pattern in _ERRORS:
        fitting = [line for line in lines if re.search(pattern, line)]
        if fitting:
            return id, redact(_best(fitting))
    errors = [line for line in lines if line.startswith(("E:", "dpkg: error", "dpkg:"))]
    return "GH-APT-FAILED", redact("; ".join((errors or lines)[-2:]) or "apt-get said nothing")


def _best(lines: list[str]) -> str:
    """An error says more than the warning before it."""
    return next((line for line in lines if line.startswith("E:")), lines[0])


def _section(output: str, title: str) -> list[str]:
    names: list[str] = []
    inside = False
    for line in output.splitlines():
        if inside and not line.startswith("  "):
            break
        if inside:
            names += line.split()
        inside = inside or line == title
    return names
