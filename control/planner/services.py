"""The services of one host: which, in which order, with which images, models and findings."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from control.planner import appsettings, compat, guard, images, modelfiles, models, native, override, scraping
from control.planner.containers import container, url
from control.planner.model import Context, Decision, Outcome, in_names
from onhost.lease import LONGEST_WAIT_SECONDS

if TYPE_CHECKING:
    from control.findings import Finding
    from control.planner.model import Gpu
    from control.rows import Service

NETWORK = "gpuhost"
BRIDGE = f"{guard.BRIDGES}0"


def decide(ctx: Context) -> Outcome:
    """The part of the role ``services``: images, containers in the order of their needs, models, presets.

    ``part["gpus"]``: service -> the GPUs that it gets.
    """
    services, found = enabled(ctx)
    decisions, stale = override.stale(ctx)
    found += stale
    fetched: list[dict[str, Any]] = []
    containers: list[dict[str, Any]] = []
    units: list[dict[str, Any]] = []
    gpus: dict[str, tuple[Gpu, ...]] = {}
    for service in services:
        if native.is_native(ctx, service):
            fit = native.fit(ctx, service)
            gpus[service.id] = fit.gpus
            units.append(native.unit(ctx, service, fit))
            found += [*fit.findings, *(compat.floor(ctx, service.name, native.driver_min(ctx, service)) if fit.gpu else [])]
            what = f"{units[-1]['program']} {units[-1]['version']}, on the host itself,"
            decisions += [*([fit.decision] if fit.decision else []), _placed(ctx, service, what, fit)]
            continue
        chosen = images.choose(ctx, service, fetched)
        fit = chosen.fit
        gpus[service.id] = fit.gpus
        decisions += [fit.decision] if fit.decision else []
        found += fit.findings
        found += compat.floor(ctx, service.name, chosen.base.driver_min) if fit.gpu else []
        containers.append(models.trusting(ctx, service, container(ctx, service, chosen)))
        decisions.append(_placed(ctx, service, chosen.reference, fit))
    part = {
        "network": NETWORK,
        "bridge": BRIDGE,
        "data_root": ctx.wishes["services_data_root"],
        "images": fetched,
        "containers": containers,
        "gpus": gpus,
        "units": native.bridged(units, bool(containers or ctx.wishes["gateway_enabled"])),
        "packages": list(ctx.system.packages["unpack"].names) if units else [],
        "settings": appsettings.decide(ctx, services),
        **models.part(ctx, [*containers, *units], wanted_models(ctx, services), url),
    }
    browsers, watched = scraping.said(ctx, services)
    found += [
        *_patience(ctx),
        *native.findings(ctx),
        *appsettings.findings(ctx, services),
        *_file_model(ctx, services),
        *watched,
    ]
    return Outcome(part, [*decisions, *browsers], found)


def enabled(ctx: Context) -> tuple[list[Service], list[Finding]]:
    """The wanted services with all that they need, those first that others need or use."""
    known = {row.id: row for row in ctx.table.services()}
    asked = list(ctx.wishes["services_enabled"])
    unknown = [name for name in [*asked, *ctx.wishes["services_ports"]] if name not in known]
    ordered: dict[str, Service] = {}

    def add(name: str) -> None:
        if name in known and name not in ordered:
            used = [one for one in known[name].uses if one in asked]
            for needed in [*known[name].needs, *modelfiles.stores(ctx, known[name]), *used]:
                add(needed)
            ordered[name] = known[name]

    for name in asked:
        add(name)
    return list(ordered.values()), [_unknown(ctx, name, list(known)) for name in dict.fromkeys(unknown)]


def _unknown(ctx: Context, name: str, known: list[str]) -> Finding:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    seen = f"there is no service {name!r}; the catalogue has {', '.join(known)}"
    return ctx.finding("GH-INPUT-UNKNOWN-SERVICE", seen, near=near[0] if near else "")


def _placed(ctx: Context, service: Service, reference: str, fit: override.Fit) -> Decision:
    where = "on the GPU" if fit.gpu else "on the processor"
    if len(ctx.used) > 1 and fit.gpu:
        where = f"on {in_names(fit.gpus)}"
    reason = "gpu: true in its row" if fit.gpu else "its row asks for no GPU" if not service.gpu else "no GPU that fits"
    return Decision(f"service {service.id}", f"{reference} {where}", reason, "service.gpu" if fit.gpu else "service.cpu")


def _patience(ctx: Context) -> list[Finding]:
    """A time to answer in which nothing is asked, or in which another gpuhost could take this run for dead."""
    asked = ctx.wishes["services_healthy_timeout"]
    if 1 <= asked <= LONGEST_WAIT_SECONDS:
        return []
    seen = f"services_healthy_timeout is {asked}, must be from 1 to {LONGEST_WAIT_SECONDS}"
    return [ctx.finding("GH-INPUT-TIMEOUT", seen, most=LONGEST_WAIT_SECONDS)]


def wanted_models(ctx: Context, services: list[Service]) -> list[str]:
    """Models that the store has to have, those first that the site names."""
    from_store = any(modelfiles.stores(ctx, service) for service in services)
    extra = [modelfiles.wanted(ctx)] if from_store and modelfiles.wanted(ctx) else []
    if any("{embedding_model}" in service.model_dump_json() for service in services):
        extra.append(str(ctx.wishes["services_embedding_model"]))
    return list(dict.fromkeys([*ctx.wishes["services_models"], *extra]))


def _file_model(ctx: Context, services: list[Service]) -> list[Finding]:
    """A service that loads one model, and no model."""
    without = [service.name for service in services if service.model_file and not modelfiles.wanted(ctx)]
    return [ctx.finding("GH-INPUT-NO-MODEL", f"{name} has no model to load", service=name) for name in without]
