"""Everything that happens before the first change: look, plan, compare with the seals, refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from control import findings, planner, seals, support
from control.findings import Finding
from control.wishes import Problem, problems
from onhost import openpgp

#: Runs a module that only looks on the host, with these arguments, and returns Ansible's result.
Look = Callable[[str, dict[str, Any]], dict[str, Any]]


@dataclass
class Examination:
    """What preflight knows of one host. ``failure`` is Ansible's result where the look itself failed."""

    host: str
    snapshot: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    due: dict[str, str] = field(default_factory=dict)
    drift: list[dict[str, str]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    failure: dict[str, Any] | None = None

    @property
    def refused(self) -> bool:
        return any(finding.level == "refuse" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """The run folder's ``hosts/<host>.json``."""
        return {
            "host": self.host,
            "snapshot": self.snapshot,
            "plan": self.plan,
            "due": self.due,
            "drift": self.drift,
            "findings": [finding.as_dict() for finding in self.findings],
        }

    def as_result(self, refuse: bool) -> dict[str, Any]:
        """Ansible's task result: the facts that the roles read, and a failure where one is due."""
        if self.failure is not None:
            return self.failure
        result: dict[str, Any] = {
            "changed": False,
            "gpuhost_findings": [finding.as_dict() for finding in self.findings],
            "plan": self.plan,
            "due": list(self.due),
            "drifted": [thing["item"] for thing in self.drift],
            "lease": self.snapshot.get("lease"),
        }
        if refuse and self.refused:
            result["failed"] = True
            result["msg"] = "\n".join(finding.sentence() for finding in self.findings if finding.level == "refuse")
        return result


def examine(host: str, wishes: dict[str, Any], look: Look, given: dict[str, Any]) -> Examination:
    """Look at ``host`` and decide everything. Changes nothing there.

    :param wishes: rendered public variables of all roles.
    :param given: the variables Ansible has for the host, by name: where a misspelt one shows.
    """
    result = Examination(host)
    result.findings += [_bad_input(host, problem) for problem in problems({**_ours(given), **wishes}, host)]
    authorities, unreadable = _read_authorities(host, wishes)
    result.findings += unreadable + _check_key(host, wishes)
    if result.refused:
        return result

    answer = look("gpu_host_info", {"seals": True})
    if answer.get("failed") or "snapshot" not in answer:
        result.failure = {"failed": True, **answer}
        return result
    result.snapshot = answer["snapshot"]
    _decide(result, wishes)
    if result.due and not result.refused:
        # Only now: a converged host is not asked what it can reach, and a refused one need not be.
        _ask_network(result, wishes, look, authorities)
    return result


def _decide(result: Examination, wishes: dict[str, Any]) -> None:
    plan = planner.plan(result.snapshot, wishes, support.load(), result.host)
    result.plan = plan.as_dict()
    result.findings = list(plan.findings)
    sealed = result.snapshot.get("seals") or {}
    # What drifted is a fact about the host, whether or not its plan can be carried out.
    result.drift = seals.drifted(sealed)
    if not result.refused:
        result.due = seals.due(result.plan, sealed, wishes, full=wishes["preflight_full"])


def _ask_network(result: Examination, wishes: dict[str, Any], look: Look, authorities: list[str]) -> None:
    if urls := result.plan.get("needs_urls"):
        answer = look("gpu_host_info", {"seals": False, "network": urls, "ca_certificates": authorities})
        result.snapshot["network"] = answer.get("snapshot", {}).get("network", [])
        _decide(result, wishes)
    apt = result.plan["roles"]["sources"]["apt"]
    if apt and not result.refused:
        key = openpgp.dearmoured(Path(wishes["sources_apt_key"]).expanduser().read_bytes()).hex()
        mirror = {"url": apt["url"], "suite": apt["suite"], "key": key, "ca_certificates": authorities}
        if problem := look("gpuhost_mirror_info", mirror).get("problem"):
            result.findings.append(findings.make(problem["id"], result.host, f"{apt['url']}: {problem['seen']}"))


def _ours(given: dict[str, Any]) -> dict[str, Any]:
    """Of a host's variables, those that carry a role's prefix: the others are the site's own business."""
    from control.roles import owner, variables

    return {name: value for name, value in given.items() if owner(name) and name not in variables()}


def _bad_input(host: str, problem: Problem) -> Finding:
    if problem.kind == "type":
        return findings.make("GH-INPUT-TYPE", host, f"{problem.variable} {problem.seen}", variable=problem.variable)
    near = problem.near or "a name from roles/*/defaults/main.yml"
    return findings.make("GH-INPUT-UNKNOWN-VARIABLE", host, problem.seen, variable=problem.variable, near=near)


def _read_authorities(host: str, wishes: dict[str, Any]) -> tuple[list[str], list[Finding]]:
    """PEM text of the site's certificate authorities, and a finding for each file that cannot be read."""
    texts, wrong = [], []
    for name in wishes["sources_ca_certificates"]:
        try:
            texts.append(Path(name).expanduser().read_text(encoding="ascii"))
        except (OSError, UnicodeDecodeError) as error:
            wrong.append(findings.make("GH-INPUT-FILE", host, f"{name}: {error}", variable="sources_ca_certificates"))
    return texts, wrong


def _check_key(host: str, wishes: dict[str, Any]) -> list[Finding]:
    """The mirror's key must be the one whose fingerprint the site pinned, before any host is told to trust it."""
    if not wishes["sources_apt_url"]:
        return []
    path, pinned = wishes["sources_apt_key"], wishes["sources_apt_key_fingerprint"]
    if not path or not pinned:
        missing = "sources_apt_key" if not path else "sources_apt_key_fingerprint"
        seen = f"sources_apt_url is set and {missing} is empty"
        return [findings.make("GH-INPUT-MISSING", host, seen, variable=missing)]
    try:
        actual = openpgp.fingerprint(Path(path).expanduser().read_bytes())
    except (OSError, ValueError) as error:
        return [findings.make("GH-INPUT-FILE", host, f"{path}: {error}", variable="sources_apt_key")]
    if actual != openpgp.normalised(pinned):
        return [findings.make("GH-KEY-FINGERPRINT", host, f"{path} has the fingerprint {actual}", pinned=pinned)]
    return []
