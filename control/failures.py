"""From what Ansible reports to a finding: the id, the words and how the host ended."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from control import findings
from control.exitcodes import ExitCode

_STATUS = {
    ExitCode.REFUSED: "refused",
    ExitCode.BAD_INPUT: "refused",
    ExitCode.UNREACHABLE: "unreachable",
    ExitCode.LOCKED: "locked",
    ExitCode.STEP_FAILED: "failed",
    ExitCode.VERIFY_FAILED: "unproven",
    ExitCode.ACT: "act",
    ExitCode.INTEGRITY: "integrity",
    ExitCode.NO_HOST: "refused",
    ExitCode.BUG: "lost",
}

SUDO = "GH-SUDO-PASSWORD"

#: What SSH, sudo and a missing Python say, and the finding for it. The first that matches counts.
_CONNECTION = (
    (r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|No \w+ host key is known", "GH-SSH-HOSTKEY"),
    (r"Permission denied \(|Too many authentication failures|Load key .* error", "GH-SSH-KEY"),
    (r"Missing sudo password|sudo: a password is required|Incorrect sudo password|Sorry, try again", SUDO),
    (r"is not in the sudoers file|may not run sudo|Timed out waiting for become", SUDO),
    (r"waiting for privilege escalation prompt", SUDO),
    (r"sudo: (?:command )?not found|sudo: No such file|which was not found: .*sudo", SUDO),
    (
        r"python\S*: (?:not found|No such file)|No such file or directory.*python|interpreter .* was not found",
        "GH-PYTHON-MISSING",
    ),
)


@dataclass(frozen=True)
class Outcome:
    """How one host ended: a status of ``outcome.json`` and the findings that explain it."""

    status: str
    findings: list[dict[str, Any]]


def of_unreachable(host: str, message: str) -> Outcome:
    """A host that Ansible could not log in to, or whose sudo refused."""
    # What ssh says comes last; before it stand Ansible's own words about it.
    said = re.sub(r"^.*\bssh: (?=ssh: )", "", _last_line(message))
    return _single(host, _connection_id(message) or "GH-HOST-UNREACHABLE", said)


def of_result(host: str, task: str, result: dict[str, Any]) -> Outcome:
    """A task that failed. Our own modules name a finding; for others the message is read, and quoted.

    Of a loop the items that failed say why; the loop itself has only that some did.
    """
    if failed := [one for one in result.get("results") or [] if isinstance(one, Mapping) and one.get("failed")]:
        outcomes = [of_result(host, task, dict(one)) for one in failed]
        every = {(one["id"], one["seen"]): one for outcome in outcomes for one in outcome.findings}
        codes = [findings.CATALOGUE[one["id"]].exit_code for one in every.values() if one["level"] == "refuse"]
        return Outcome(_STATUS[findings.worst(codes)], list(every.values()))
    if result.get("gpuhost_findings"):
        found = [one for one in result["gpuhost_findings"] if one["level"] == "refuse"]
        codes = [findings.CATALOGUE[one["id"]].exit_code for one in found]
        return Outcome(_STATUS[findings.worst(codes)], result["gpuhost_findings"])
    if named := result.get("gpuhost_finding"):
        return _single(host, named["id"], named["seen"])
    text = _text(result)
    return _single(host, _connection_id(text) or "GH-STEP-FAILED", f"“{task}”: {_last_line(text)}")


def sudo_refusal(result: Mapping[str, Any]) -> str:
    """What sudo said where it is why a task failed, else an empty text. A word of Ansible's own around it is left out."""
    text = _text(result)
    return _last_line(text) if result.get("failed") and _connection_id(text) == SUDO else ""


def _text(result: Mapping[str, Any]) -> str:
    return "\n".join(str(result.get(key) or "") for key in ("msg", "stderr", "module_stderr", "stdout", "module_stdout"))


def _single(host: str, finding_id: str, seen: str) -> Outcome:
    finding = findings.make(finding_id, host, seen)
    return Outcome(_STATUS[findings.CATALOGUE[finding_id].exit_code], [finding.as_dict()])


def _connection_id(text: str) -> str:
    return next((finding_id for pattern, finding_id in _CONNECTION if re.search(pattern, text)), "")


def _last_line(text: str) -> str:
    """The line of an error that says most: the last that is not empty."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
