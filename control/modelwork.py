"""The models of a host brought there, one after the other; one that does not come stops no other."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from control import actions, findings, modellist, steps
from control.findings import Finding
from control.planner.model_findings import NO_SERVER

#: So many of a model's name stand in that of its step, which has at most 100.
STEP_CHARACTERS = 80

#: Runs a module on the host with these arguments.
Call = Callable[[str, dict[str, Any]], dict[str, Any]]
#: Makes the list of a host's models of what the host told.
Listed = Callable[[dict[str, Any]], list[dict[str, Any]]]


def step_name(model: str) -> str:
    """The long step that fetches a model: its name as far as a unit can have it, and what tells it from others like it."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", model)[:STEP_CHARACTERS].strip("-")
    return f"model-{plain}-{hashlib.sha256(model.encode()).hexdigest()[:8]}"


def bring(host: str, asked: Mapping[str, Any], call: Call) -> dict[str, Any]:
    """Ansible's result of the task: what was fetched and made, and all that failed.

    :param asked: the arguments of the task: ``server``, ``models``, ``presets`` (None: they stay as they are), ``problems``
        (findings that were there before, and that are the end of the run too).
    """
    server, found = asked.get("server"), [findings.from_dict(one) for one in asked.get("problems") or []]
    if not server:
        return {"changed": False, "fetched": [], "gpuhost_findings": []}
    fetched, waiting = [], False
    told = asked.get("cache") or {}
    cache, useless = _cache(told)
    left_out = (told.get("offer") or {}).get("left_out") or []
    found += [findings.make("GH-MODEL-CACHE", host, useless)] if useless else []
    if asked.get("models"):
        # Others may copy from this host what it has, long before the last one has come.
        call("gpuhost_models", {"server": server})
    for model in asked.get("models") or []:
        copied = None if model in left_out else cache
        spec = {"url": server["url"], "model": model, "folder": server["folder"], "cache": copied}
        answer = steps.follow(
            host, {"step": step_name(model), "kind": "model", "spec": spec}, lambda given: call("gpuhost_step", given)
        )
        found += [findings.make(one["id"], host, one["seen"]) for one in (answer.get("result") or {}).get("warnings") or []]
        waiting |= answer.get("state") == "needed"
        if answer.get("failed"):
            found.append(_of_step(host, model, answer))
        elif answer["changed"]:
            fetched.append(model)
    # In check mode no preset can be made of what was not fetched.
    idle = waiting or asked.get("presets") is None
    made = {} if idle else call("gpuhost_models", {"server": server, "presets": asked["presets"]})
    found += _of_presets(host, made)
    result = {
        **made,
        "changed": bool(fetched or made.get("changed")),
        "fetched": fetched,
        "gpuhost_findings": [one.as_dict() for one in found],
        "failed": findings.refused(found),
    }
    actions.record("models", host, {"fetched": fetched, "made": made.get("made") or []})
    return {**result, "msg": "\n".join(one.sentence() for one in found)} if result["failed"] else result


def _cache(told: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """From where models are copied, or None; and why not, or not all, from the site's cache, where something is missing.

    :param told: ``host``, and what ``gpuhost_model_key`` and ``gpuhost_model_cache`` answered as ``key`` and ``offer``.
    """
    key, offer, host = told.get("key") or {}, told.get("offer") or {}, told.get("host")
    if not host:
        return None, ""
    problem = key.get("problem") or offer.get("problem") or (offer.get("msg") if offer.get("failed") else "")
    useless = f"{host}: {problem}" if problem else ""
    if offer.get("offer"):
        return {"host": host, "key_folder": key["key_folder"], **offer["offer"]}, useless
    return None, useless


def _of_step(host: str, model: str, answer: Mapping[str, Any]) -> Finding:
    named = answer.get("gpuhost_finding") or {}
    seen = named.get("seen") or str(answer.get("msg") or "no message")
    return findings.make(named.get("id") or "GH-MODEL-FAILED", host, seen if model in seen else f"{model}: {seen}")


def _of_presets(host: str, made: Mapping[str, Any]) -> list[Finding]:
    if named := made.get("gpuhost_finding"):
        return [findings.make(named["id"], host, named["seen"])]
    if made.get("failed"):
        return [findings.make("GH-PRESET-FAILED", host, str(made.get("msg") or "no message"))]
    found = [findings.make(one["id"], host, one["seen"]) for one in made.get("problems") or []]
    return found + [findings.make("GH-PRESET-KEPT", host, f"it is {name} now") for name in made.get("set_aside") or []]


def remove(host: str, asked: Mapping[str, Any], call: Call, listed: Listed) -> dict[str, Any]:
    """Ansible's result of the task: what went and what stayed, also in the run folder.

    :param asked: ``server``, ``absent`` (names and patterns), ``unlisted`` (also what the site no longer wants).
    """
    server = asked.get("server")
    if not server:
        return _refused(findings.make("GH-MODEL-SERVER", host, NO_SERVER))
    told = call("gpuhost_model_info", {"folder": server["folder"], "url": server["url"]})
    rows = listed(told.get("models") or {})
    names = [*(asked.get("absent") or []), *(modellist.unlisted(rows) if asked.get("unlisted") else [])]
    if not names:
        answer: dict[str, Any] = {"changed": False, "removed": [], "theirs": [], "kept": [], "absent": {}}
    else:
        answer = call("gpuhost_models", {"server": server, "absent": names})
        if answer.get("failed"):
            return answer
    wanted = {one["name"] for one in rows if one["wanted"]}
    gone = [*answer["removed"], *answer["theirs"]]
    kinds = {key: answer[key] for key in ("removed", "theirs", "kept", "absent")}
    actions.record("models", host, {**kinds, "wanted": sorted(wanted & set(gone))})
    return answer


def _refused(finding: Finding) -> dict[str, Any]:
    return {"failed": True, "msg": finding.sentence(), "gpuhost_findings": [finding.as_dict()]}
