"""Decides everything about one host: ``plan(snapshot, wishes, table, host)``. Pure: no file, no network, no clock.

One module per decision, each with ``decide(ctx) -> Outcome`` (the role's part, decisions with reasons, findings). The
order below is the order in which they depend on each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from control.planner import (
    access,
    amdgpu,
    disk,
    driver,
    engine,
    expected,
    gateway,
    gpu,
    kernels,
    memory,
    model_findings,
    models,
    ports,
    rocm,
    secrets,
    services,
    sources,
    system,
    torch,
)
from control.planner.model import SCHEMA, Context, Decision, Gpu, Outcome

if TYPE_CHECKING:
    from control.findings import Finding
    from control.support import Table

__all__ = ["Decision", "Gpu", "Plan", "plan"]

#: Role -> who decides its part, in the order of dependence.
_ROLES = (
    ("sources", sources.decide),
    ("container_engine", engine.decide),
    ("amdgpu", driver.decide),
    ("rocm", rocm.decide),
    ("gpu_access", access.decide),
    ("pytorch", torch.decide),
    ("services", services.decide),
    ("gateway", gateway.decide),
    ("verify", expected.decide),
)

#: Keys of a part that other decisions read and no role does.
_INTERNAL = {
    "amdgpu": amdgpu.INTERNAL,
    "rocm": ("tools", "row"),
    "gpu_access": ("nodes",),
    "pytorch": ("row", "version"),
    "services": ("gpus",),
}


@dataclass
class Plan:
    """Everything decided for one host. Without a row for its system there are no roles."""

    host: str
    system: str | None
    simulated: bool
    gpus: list[Gpu] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    cost: dict[str, Any] = field(default_factory=lambda: dict(disk.NOTHING))
    boot: dict[str, Any] = field(default_factory=lambda: {"next": None, "built": {}})
    needs_urls: list[str] = field(default_factory=list)
    models: list[dict[str, Any]] = field(default_factory=list)
    #: Packages whose candidates on the host's mirror would settle the plan, and the working driver that goes, in words.
    asks: list[str] = field(default_factory=list)
    replaces: str = ""
    roles: dict[str, dict[str, Any]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The document "Plan (schema 1)" of docs/architecture.md."""
        return {
            "schema": SCHEMA,
            "host": self.host,
            "system": self.system,
            "simulated": self.simulated,
            "gpus": [one.as_dict() for one in self.gpus],
            "decisions": [one.as_dict() for one in self.decisions],
            "findings": [one.as_dict() for one in self.findings],
            "cost": self.cost,
            "boot": self.boot,
            "needs_urls": self.needs_urls,
            "models": self.models,
            "roles": self.roles,
        }


def plan(
    snapshot: Mapping[str, Any], wishes: Mapping[str, Any], table: Table, host: str, asked_models: Sequence[str] = ()
) -> Plan:
    """What this host is to become, or why it cannot; all refusals at once.

    :param wishes: every public variable of every role, rendered.
    :param asked_models: language models that the run is about; empty for those that the site wants.
    """
    simulated = bool(snapshot.get("simulated"))
    refused = system.refusal(snapshot, table, host)
    row = table.system(snapshot.get("os") or {})
    if row is None:
        return Plan(host, None, simulated, findings=refused)
    ctx = Context(snapshot, wishes, table, host, row, models=asked_models)
    made = Plan(host, row.id, simulated)
    _note(made, system.decide(ctx))
    chosen = gpu.decide(ctx)
    made.gpus = chosen.part["gpus"]
    _note(made, chosen)
    ctx = replace(ctx, gpus=made.gpus)
    for role, decide in _ROLES:
        outcome = decide(ctx)
        _note(made, outcome)
        ctx = replace(ctx, parts={**ctx.parts, role: outcome.part})
    _note(made, memory.decide(ctx))
    _note(made, model_findings.decide(ctx))
    _note(made, ports.decide(ctx))
    _note(made, secrets.decide(ctx))
    cost = disk.decide(ctx)
    _note(made, cost)
    made.cost = cost.part
    made.findings += system.kernel_holes(ctx)
    made.boot = kernels.boot(ctx)
    made.needs_urls = sources.needs_urls(ctx)
    made.models = _marked(models.figures(ctx), disk.without_room(ctx))
    made.asks, made.replaces = ctx.parts["amdgpu"]["asks"], ctx.parts["amdgpu"]["replaces"]
    made.roles = {role: _public(role, part) for role, part in ctx.parts.items()}
    made.findings.sort(key=lambda finding: ("refuse", "warn", "note").index(finding.level))
    return made


def _marked(figures: list[dict[str, Any]], without_room: list[str]) -> list[dict[str, Any]]:
    return [{**one, "problem": one["problem"] or "disk"} if one["name"] in without_room else one for one in figures]


def _note(made: Plan, outcome: Outcome) -> None:
    made.decisions += outcome.decisions
    made.findings += outcome.findings


def _public(role: str, part: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key not in _INTERNAL.get(role, ())}
