"""Where the kernel driver comes from, and what has to be installed and loaded for it."""

from __future__ import annotations

from control.planner.gpu import DRIVER
from control.planner.model import Context, Decision, Outcome


def decide(ctx: Context) -> Outcome:
    """The part of the role ``amdgpu``. ``part["source"]`` also tells verify which driver is at work."""
    wish = ctx.wishes["amdgpu_driver"]
    if not ctx.used:
        return _none("none", "there is no GPU to drive", "driver.no-gpu")
    module = (ctx.mapping("kernel").get("modules") or {}).get(DRIVER) or {}
    unloaded = [gpu for gpu in ctx.used if gpu.state == "unloaded"]
    if wish == "none":
        found = [ctx.finding("GH-GPU-NO-DRIVER", f"{gpu.name}: amdgpu_driver is none") for gpu in unloaded]
        source = "dkms" if module.get("in_tree") is False else "inbox"
        outcome = _none(source, "left to the site: amdgpu_driver is none", "driver.none")
        return Outcome(outcome.part, outcome.decisions, found)
    if module.get("loaded") and module.get("in_tree") is False and wish == "auto":
        version = module.get("version") or "unknown version"
        return _none("dkms", f"a driver of AMD's own ({version}) is at work and left alone", "driver.keep-dkms")
    return _inbox(ctx, bool(unloaded))


def _none(source: str, reason: str, rule: str) -> Outcome:
    part = {"driver": "none", "packages": [], "module": DRIVER, "load": False}
    return Outcome({**part, "source": source}, [Decision("driver", "none", reason, rule)])


def _inbox(ctx: Context, unloaded: bool) -> Outcome:
    """The kernel's own driver. A container has its host's kernel: there is nothing to load in it."""
    container = ctx.mapping("kernel").get("container")
    firmware = ctx.system.packages["firmware"].names
    if ctx.simulated:
        rule, reason, packages = "driver.inbox.simulated", "the GPU is simulated: nothing is loaded for it", firmware
    elif container:
        rule, reason, packages = "driver.inbox.container", f"the kernel is that of the host around {container}", []
    elif unloaded:
        rule, reason, packages = "driver.inbox.load", "the kernel carries amdgpu; it needs its firmware", firmware
    else:
        rule, reason = "driver.inbox.bound", "the kernel's own amdgpu already drives the GPU"
        # Firmware that came another way than by package is left as it is: the GPU works with it.
        packages = [name for name in firmware if name in ctx.mapping("packages")]
    load = not ctx.simulated and not container
    part = {"driver": "inbox", "packages": packages, "module": DRIVER, "load": load, "source": "inbox"}
    return Outcome(part, [Decision("driver", "inbox", reason, rule)])
