"""How far a service with a browser inside may go for it: the four ways of AnythingLLM to read pages that need JavaScript.

Chromium builds its sandbox of user namespaces, which Docker's default filter refuses (docs/security.md). Upstream asks for
SYS_ADMIN, which opens that filter for every process in the container.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from control.planner.model import Context, Decision

if TYPE_CHECKING:
    from control.findings import Finding
    from control.rows import Service

PROFILE = "browser-sandbox.json"
#: AnythingLLM docker/.env.example: passed on to the browser, with commas.
ARGUMENTS = {"ANYTHINGLLM_CHROMIUM_ARGS": "--no-sandbox,--disable-setuid-sandbox"}
_CHOICES = {
    "plain": ("no browser", "pages that need JavaScript come back thin, and scraping a whole site returns nothing"),
    "sandboxed": ("a browser in its own sandbox", "user, process and network namespaces are allowed in this container"),
    "nosandbox": ("a browser without a sandbox", "a fault in the browser is code in the container, with all its documents"),
    "sysadmin": (
        "SYS_ADMIN, as upstream documents",
        "every process in the container gets at the kernel's namespaces and mounts",
    ),
}


@dataclass(frozen=True)
class Scraping:
    """What a container gets for its browser. ``seccomp``: a file of the role."""

    seccomp: str | None = None
    cap_add: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)


def decide(ctx: Context, service: Service) -> Scraping:
    """What the site's choice means for a service's container."""
    if not service.browser:
        return Scraping()
    mode = ctx.wishes["services_anythingllm_scraping"]
    return Scraping(
        seccomp=PROFILE if mode == "sandboxed" else None,
        cap_add=["SYS_ADMIN"] if mode == "sysadmin" else [],
        env=dict(ARGUMENTS) if mode == "nosandbox" else {},
    )


def said(ctx: Context, services: list[Service]) -> tuple[list[Decision], list[Finding]]:
    """The choice with its price, for each service that has a browser; and what has to be agreed to, or watched."""
    decisions, found = [], []
    mode = str(ctx.wishes["services_anythingllm_scraping"])
    for service in (one for one in services if one.browser):
        choice, price = _CHOICES[mode]
        decisions.append(Decision(f"scraping of {service.name}", f"{mode}: {choice}", price, f"service.scraping-{mode}"))
        if mode == "sysadmin" and not ctx.wishes["services_anythingllm_sysadmin_acknowledged"]:
            found.append(ctx.finding("GH-INPUT-SCRAPING", f"services_anythingllm_scraping is {mode}"))
        elif mode in ("nosandbox", "sysadmin"):
            found.append(ctx.finding("GH-SCRAPING-OPEN", f"{service.name}: {choice}: {price}"))
    return decisions, found
