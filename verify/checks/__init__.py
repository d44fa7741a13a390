"""The checks, in the order they are reported. Each module has ``probe(expected, ctx)``, which looks and never
raises, and
``judge(seen, expected)``, which is pure."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ..compute import levels
from ..result import Result, failed, settle
from .context import Context


@dataclass(frozen=True)
class Check:
    """One area.

    :param beside: the areas whose results tell a cause from a consequence; they run along with it.
    :param seconds: how long it takes, once; work on GPUs, for each of them.
    :param level: the lowest one at which it runs. From `standard` on it has the GPUs to itself.
    """

    area: str
    module: str
    about: str
    beside: tuple[str, ...] = ()
    seconds: float = 5
    level: str = levels.QUICK

    @property
    def probe(self) -> Callable[[dict[str, Any], Context], dict[str, Any]]:
        found: Callable[[dict[str, Any], Context], dict[str, Any]] = self._module().probe
        return found

    @property
    def judge(self) -> Callable[[dict[str, Any], dict[str, Any]], list[Result]]:
        found: Callable[[dict[str, Any], dict[str, Any]], list[Result]] = self._module().judge
        return found

    def _module(self) -> Any:
        return import_module(f".{self.module}", __name__)


_ENGINE = ("containers", "driver", "services")
_SPEED = ("generate", "units", *_ENGINE)
_SERVICES = ("containers", "units", "services")
_TORCH = ("torch", "containers", "driver", "services")

CHECKS = (
    Check("system", "system", "the machine the plan was made for"),
    Check("access", "access", "who may open the GPU's devices"),
    Check("driver", "driver", "the kernel driver and its GPUs", ("health",)),
    Check("health", "health", "the cards: links, temperatures, clocks, and troubles since boot", ("driver",)),
    Check("rocm", "rocm", "ROCm's tools, and overrides", ("driver",), seconds=10),
    Check("containers", "containers", "the services' containers", ("services",)),
    Check("units", "units", "services on the host itself", ("services",)),
    Check("services", "services", "the services by what they say", ("containers", "units")),
    Check("models", "models", "language models: their files, and presets", ("containers", "units", "services")),
    Check("exposure", "exposure", "what answers on the network", ("containers",)),
    Check("gateway", "gateway", "the door to the network", ("containers", "units", "services"), seconds=10),
    Check("wiring", "wiring", "services reaching each other", _SERVICES),
    Check("generate", "generate", "model servers at work, on the planned processor", ("units", *_ENGINE), seconds=20),
    Check("torch", "pytorch", "PyTorch: build, devices, numbers", _ENGINE, seconds=20),
    Check("speed", "speed", "Ollama's speed, beside its own without the GPU", _SPEED, seconds=90, level=levels.STANDARD),
    *(Check(part.name, part.name, part.about, _TORCH, part.seconds, part.level) for part in levels.PARTS),
)

AREAS = tuple(check.area for check in CHECKS)


def run_checks(
    expected: dict[str, Any], ctx: Context, chosen: Iterable[str] = (), level: str = levels.QUICK, limit: float = 0
) -> list[Result]:
    """Every result of the level, or those of ``chosen`` (areas, or beginnings of ids such as ``containers.ollama``) whatever
    their level, causes settled.

    :param limit: seconds that all of it may take, where not those of the level; areas that are chosen have those of theirs.
    :raises ValueError: for a name that begins with no area.
    """
    names = tuple(chosen)
    areas = {name.partition(".")[0] for name in names}
    unknown = sorted(areas - set(AREAS))
    if unknown:
        raise ValueError(f"no check is named {', '.join(unknown)}; there are {', '.join(AREAS)}")
    reached = levels.LEVELS[: levels.LEVELS.index(level) + 1]
    wanted = [check for check in CHECKS if (check.area in areas if names else check.level in reached)]
    along = {area for check in wanted for area in check.beside}
    running = [check for check in CHECKS if check in wanted or check.area in along]
    deepest = max((levels.LEVELS.index(check.level) for check in running), default=0)
    level = levels.LEVELS[max(deepest, 0 if names else levels.LEVELS.index(level))]
    ctx.until = time.monotonic() + (limit or levels.seconds(level, expected.get("minutes") or 0))
    ctx.parts = [part.name for part in levels.PARTS if part.name in {check.area for check in running}]
    # The first user of the snapshot takes it; the others would wait for the same answer.
    _ = ctx.snapshot
    at_once = [check for check in running if check.level == levels.QUICK]
    with ThreadPoolExecutor(max_workers=len(at_once)) as pool:
        groups = list(pool.map(lambda check: run_one(check, expected, ctx), at_once))
    # Then the GPUs are at rest, and each part of their work has them to itself.
    groups += [run_one(check, expected, ctx) for check in running if check not in at_once]
    settled = settle(result for group in groups for result in group)
    return [result for result in settled if not names or any(_matches(result.id, name) for name in names)]


def _matches(id: str, name: str) -> bool:
    return id == name or id.startswith(name.rstrip(".") + ".")


def run_one(check: Check, expected: dict[str, Any], ctx: Context) -> list[Result]:
    """One area's results. A fault in the check itself is a failure of its own, never a silence."""
    try:
        return check.judge(check.probe(expected, ctx), expected)
    except Exception as error:  # whatever it is, the other areas still count
        where = traceback.extract_tb(error.__traceback__)[-1]
        return [
            failed(
                f"{check.area}.check.ran",
                seen=f"{type(error).__name__}: {error}",
                wanted="a verdict",
                why=f"gpuhost's own check of {check.about} broke ({where.name}, line {where.lineno}): "
                "nothing is known about it.",
                next="Report it with `gpuhost info --bundle`.",
            )
        ]
