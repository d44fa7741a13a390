"""Everything that happens before the first change: look, plan, compare with the seals, refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from control import (
    findings,
    given_secrets,
    planner,
    preflight_models,
    preflight_secrets,
    repository_keys,
    seals,
    support,
)
from control.findings import Finding
from control.wishes import Problem, problems

#: Runs a module that only looks on the host, with these arguments, and returns Ansible's result.
Look = Callable[[str, dict[str, Any]], dict[str, Any]]
#: Where a look's result says what sudo said, if it was made without root because of that.
WITHOUT_ROOT = "without_root"
#: The finding that says so.
LOOK_WITHOUT_ROOT = "GH-LOOK-WITHOUT-ROOT"


@dataclass
class Examination:
    """What preflight knows of one host. ``failure`` is Ansible's result where the look itself failed."""

    host: str
    snapshot: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    asks: list[str] = field(default_factory=list)
    replaces: str = ""
    due: dict[str, str] = field(default_factory=dict)
    drift: list[dict[str, str]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    #: Secrets that the host has otherwise than the site gives them, and those of them that data is encrypted with.
    differing: list[str] = field(default_factory=list)
    locked: list[str] = field(default_factory=list)
    failure: dict[str, Any] | None = None
    models: list[str] = field(default_factory=list)

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
        if self.models:
            return {**result, **preflight_models.outcome(self.plan, self.findings)}
        if refuse and self.refused:
            result["failed"] = True
            result["msg"] = "\n".join(finding.sentence() for finding in self.findings if finding.level == "refuse")
        return result


def examine(
    host: str,
    wishes: dict[str, Any],
    look: Look,
    given: dict[str, Any],
    acting: bool = True,
    secrets: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    renewed: Mapping[str, Sequence[str]] = MappingProxyType({}),
    models: Sequence[str] = (),
) -> Examination:
    """Look at ``host`` and decide everything. Changes nothing there.

    :param wishes: rendered public variables of all roles, without a secret.
    :param given: the variables Ansible has for the host, by name: where a misspelt one shows.
    :param acting: whether roles run afterwards: then a person has to have agreed to what cannot be taken back easily.
    :param secrets: those of services that the site gives, by service and name: for the host alone.
    :param renewed: names of secrets that are to be new, by service: then the roles that these concern are all that is due.
    :param models: language models that the run is about, whatever the site wants.
    """
    result = Examination(host, models=list(models))
    result.findings += [_bad_input(host, problem) for problem in problems({**_ours(given), **wishes}, host)]
    authorities, unreadable = _read_authorities(host, wishes)
    result.findings += unreadable + repository_keys.check(host, wishes) + preflight_models.cache(host, wishes, given)
    if result.refused:
        return result

    answer = look("gpu_host_info", {"seals": True})
    if answer.get("failed") or "snapshot" not in answer:
        result.failure = {"failed": True, **answer}
        return result
    result.snapshot = answer["snapshot"]
    _decide(result, wishes)
    if any(secrets.values()) and not answer.get(WITHOUT_ROOT):
        _compare_secrets(result, wishes, look, secrets, renewed)
    if renewed:
        _renew(result, secrets, renewed)
        return result
    if result.due and not models and not result.refused:
        # Only now: a converged host is not asked what it can reach, and a refused one need not be.
        _ask_host(result, wishes, look, authorities)
        _ask_mirrors(result, look, authorities)
    if models or ("services" in result.due and not result.refused):
        _ask_registries(result, wishes, look, authorities)
    if acting and not models and not result.refused:
        result.findings += _to_confirm(result, wishes, given)
    if answer.get(WITHOUT_ROOT):
        result.findings.append(_partial(result, answer[WITHOUT_ROOT]))
    return result


def _partial(result: Examination, refusal: str) -> Finding:
    closed = ", ".join(result.snapshot.get("needs_root") or []) or "nothing more"
    return findings.make(LOOK_WITHOUT_ROOT, result.host, f"{refusal}; root would add: {closed}")


def _decide(result: Examination, wishes: dict[str, Any]) -> None:
    plan = planner.plan(result.snapshot, wishes, support.load(), result.host, result.models)
    result.plan, result.asks, result.replaces = plan.as_dict(), plan.asks, plan.replaces
    closed = [f"{one} is another here than the site gives" for one in result.locked]
    result.findings = [*plan.findings, *(findings.make("GH-SECRET-ENCRYPTS", result.host, seen) for seen in closed)]
    sealed = result.snapshot.get("seals") or {}
    if result.models and result.plan["roles"]:
        result.findings = preflight_models.in_the_way(result.findings)
    # What drifted is a fact about the host, whether or not its plan can be carried out.
    result.drift, result.due = seals.drifted(sealed), {}
    if not result.refused:
        others = preflight_secrets.concerned(result.plan, result.differing)
        also = {role: f"the site gives other secrets: {', '.join(names)}" for role, names in others.items()}
        result.due = seals.due(result.plan, sealed, wishes, full=wishes["preflight_full"], also=also)


def _compare_secrets(
    result: Examination, wishes: dict[str, Any], look: Look, secrets: Mapping[str, Any], renewed: Mapping[str, Sequence[str]]
) -> None:
    """The host says which of the site's secrets it has otherwise: nobody else knows both."""
    services = given_secrets.of_containers(preflight_secrets.containers(result.plan))
    if not services:
        return
    said = look("gpuhost_secrets", {"state": "compared", "services": services, "given": secrets})
    agreed = {f"{service}/{name}" for service, names in renewed.items() for name in names}
    result.differing = said.get("names") or []
    result.locked = [one for one in said.get("locked") or [] if one not in agreed]
    if result.differing:
        _decide(result, wishes)


def _renew(result: Examination, secrets: Mapping[str, Any], renewed: Mapping[str, Sequence[str]]) -> None:
    """The roles that the secrets concern are due, and no other; what cannot be new is told."""
    for service, names in renewed.items():
        role = preflight_secrets.role_of(result.plan, service)
        if role is None or role not in (result.snapshot.get("seals") or {}):
            result.findings.append(findings.make("GH-SERVICE-ABSENT", result.host, f"{service} does not run here"))
        else:
            result.findings += preflight_secrets.unknown(result.host, result.plan, service, names)
        given = [name for name in names if name in secrets.get(service, {})]
        for name in (one for one in given if f"{service}/{one}" not in result.differing):
            result.findings.append(findings.make("GH-SECRET-GIVEN", result.host, f"{service} {name}"))
    asked = [f"{service}/{name}" for service, names in renewed.items() for name in names]
    result.due = {} if result.refused else dict.fromkeys(preflight_secrets.concerned(result.plan, asked), "new secrets")


def _ask_host(result: Examination, wishes: dict[str, Any], look: Look, authorities: list[str]) -> None:
    """What only the host can tell, in one look: which addresses it reaches, and what its package sources have."""
    urls, names = result.plan.get("needs_urls"), result.asks if "amdgpu" in result.due else []
    if not urls and not names:
        return
    asked: dict[str, Any] = {"seals": False, "network": urls or [], "ca_certificates": authorities}
    if names:
        asked["candidates"] = {"names": names, "sources": _own_mirror(result), "ca": authorities}
    seen = look("gpu_host_info", asked).get("snapshot", {})
    result.snapshot["network"] = seen.get("network", [])
    if names:
        result.snapshot["candidates"] = seen.get("candidates", {})
    _decide(result, wishes)


def _ask_registries(result: Examination, wishes: dict[str, Any], look: Look, authorities: list[str]) -> None:
    """What models are made of, asked from the host before a byte of them is fetched."""
    if asked := preflight_models.question(result.plan):
        asked["ca_certificates"] = authorities
        result.snapshot["models"] = look("gpuhost_model_info", asked).get("models", {})
        _decide(result, wishes)


def _own_mirror(result: Examination) -> list[dict[str, Any]]:
    """The site's mirror, which the host's apt does not know before the role ``sources`` has run."""
    apt = result.plan["roles"]["sources"]["apt"]
    if not apt:
        return []
    key = repository_keys.binary(apt["key_src"]).hex()
    return [{"url": apt["url"], "suite": apt["suite"], "components": apt["components"], "key": key}]


def _ask_mirrors(result: Examination, look: Look, authorities: list[str]) -> None:
    for mirror in _repositories(result):
        if result.refused:
            return
        if problem := look("gpuhost_mirror_info", {**mirror, "ca_certificates": authorities}).get("problem"):
            result.findings.append(findings.make(problem["id"], result.host, f"{mirror['url']}: {problem['seen']}"))


def _to_confirm(result: Examination, wishes: dict[str, Any], given: dict[str, Any]) -> list[Finding]:
    """A driver that works and is to be exchanged, or a reboot of the machine that this runs on: only by agreement."""
    if "amdgpu" not in result.due or wishes["preflight_confirmed"]:
        return []
    seen = [f"{result.replaces} works and would be replaced"] if result.replaces else []
    if result.plan["cost"]["reboot"] and given.get("ansible_connection") == "local":
        seen.append("this machine would be rebooted")
    return [findings.make("GH-CONFIRM", result.host, "; ".join(seen))] if seen else []


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
