"""Everything that happens before the first change: look, plan, compare with the seals, refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from control import findings, planner, repository_keys, seals, support
from control.findings import Finding
from control.wishes import Problem, problems

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
    result.findings += unreadable + repository_keys.check(host, wishes)
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
    for mirror in _repositories(result):
        if result.refused:
            return
        if problem := look("gpuhost_mirror_info", {**mirror, "ca_certificates": authorities}).get("problem"):
            result.findings.append(findings.make(problem["id"], result.host, f"{mirror['url']}: {problem['seen']}"))


def _repositories(result: Examination) -> list[dict[str, Any]]:
    """What the roles that are due are about to tell apt to trust: the host's apt is asked first."""
    roles = result.plan["roles"]
    own = [roles["sources"]["apt"]] if roles["sources"]["apt"] else []
    asked = [
        {"url": one["url"], "suite": one["suite"], "key": {"src": one["key_src"], "fingerprint": one["fingerprint"]}}
        for one in own
    ]
    vendors = [one for role in result.due for one in roles[role].get("repositories", [])]
    asked += [{key: one[key] for key in ("name", "url", "suite", "key")} for one in vendors]
    return [repository_keys.with_content(one) for one in asked]


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
