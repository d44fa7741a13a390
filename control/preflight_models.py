"""What preflight asks about language models, and what a run about certain models goes on with."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from control import findings
from control.findings import Finding
from control.planner import models

#: What stands in the way of one model alone: findings, and what the plan says of it.
OF_ONE_MODEL = ("GH-MODEL-UNKNOWN", "GH-MODEL-DIGEST", "GH-DISK-SMALL")
REFUSED_MODELS = (*models.REFUSED, "disk")


def question(plan: dict[str, Any]) -> dict[str, Any]:
    """What the host is to be asked about the models of its plan; empty: nothing."""
    server = (plan["roles"].get("services") or {}).get("model_server")
    names = [one["name"] for one in plan.get("models", []) if not one["preset"]]
    return {"folder": server["folder"], "models": names} if server and names else {}


def in_the_way(found: Sequence[Finding]) -> list[Finding]:
    """Of a plan's findings, those that concern a model: what would stop ``up`` is not in its way."""
    return [one for one in found if one.id.startswith(("GH-MODEL-", "GH-DISK-"))]


def outcome(plan: dict[str, Any], found: Sequence[Finding]) -> dict[str, Any]:
    """What a run about certain models goes on with: a model that cannot come does not stop the others."""
    bad = [one["name"] for one in plan.get("models", []) if one["problem"] in REFUSED_MODELS]
    good = [one["name"] for one in plan.get("models", []) if one["name"] not in bad]
    own = [one for one in found if one.level == "refuse" and one.id in OF_ONE_MODEL]
    all_over = [one for one in found if one.level == "refuse" and one.id not in OF_ONE_MODEL]
    result: dict[str, Any] = {"models": good, "problems": [one.as_dict() for one in own]}
    if all_over or not good:
        result.update(failed=True, msg="\n".join(one.sentence() for one in [*all_over, *own]))
    else:
        # They are the end of the run, and no sooner.
        result["gpuhost_findings"] = [one.as_dict() for one in found if one not in own]
    return result


def cache(host: str, wishes: dict[str, Any], given: dict[str, Any]) -> list[Finding]:
    """A model cache that is none of the site's hosts."""
    named, hosts = wishes["services_model_cache"], (given.get("groups") or {}).get("all")
    if not named or hosts is None or named in hosts:
        return []
    near = next(iter(difflib.get_close_matches(named, hosts, n=1, cutoff=0.5)), "")
    return [findings.make("GH-INPUT-MODEL-CACHE", host, f"services_model_cache is {named!r}", near=near)]
