"""What runs on a GPU, per system and per program, and what a release needs: plain data from the truth table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from control import answers
from control.answers import Product

if TYPE_CHECKING:
    from control.rows import Driver, Elsewhere, Image, Kernel, Range, Rocm, System, Target, Torch
    from control.support import Table

OVERRIDE = "HSA_OVERRIDE_GFX_VERSION"


def on_gpu(table: Table, found: list[Product], systems: Sequence[System]) -> dict[str, Any]:
    """What can be run on these GPUs: per target its programs, and per system driver and ROCm."""
    targets = list(dict.fromkeys(one.gfx for one in found))
    return {"gpus": answers.as_json(found), "answers": [_on_target(table, gfx, found, systems) for gfx in targets]}


def _on_target(table: Table, gfx: str, found: list[Product], systems: Sequence[System]) -> dict[str, Any]:
    target = table.target(gfx)
    assert target is not None, "every gfx of a GPU row has a target row: checked on load"
    mine = [one for one in found if one.gfx == gfx]
    return {
        "target": {
            **target.model_dump(exclude={"source", "listed"}),
            "official": official(target),
            "override_gfx": target.override_gfx,
            "source": table.sources["gpus"][target.source].ref,
        },
        "programs": [
            *(_wheel(target, row) for row in table.torch_rows("rocm")),
            *(_image(target, row, mine) for row in table.images if row.targets),
        ],
        "systems": [
            {**about(row), "driver": _driver(table, target, mine, row), "rocm": _rocm(table, target, mine, row)}
            for row in systems
        ],
    }


def official(target: Target) -> str:
    """Which ROCm releases have the target in AMD's lists, in words."""
    if target.rocm is None:
        return "none"
    return f"{target.rocm.min} to {target.rocm.max}" if target.rocm.max else f"{target.rocm.min} and newer"


def about(row: System) -> dict[str, Any]:
    """One system, its kernels in the order of the table."""
    kernels = [{"flavour": one.flavour, "version": one.version, "package": one.package} for one in row.kernels]
    return {"id": row.id, "name": row.name, "python": row.python, "kernels": kernels}


def on_elsewhere(table: Table, row: Elsewhere, found: list[Product]) -> dict[str, Any]:
    """A system that gpuhost does not set up. ``not_for``: families of the GPUs that AMD does not support there."""
    not_for = sorted({one.family for one in found} - set(row.families))
    return {
        **row.model_dump(exclude={"source"}),
        "source": table.sources["systems"][row.source].ref,
        "not_for": not_for,
    }


def fit(target: Target, built: Iterable[str]) -> tuple[str, str | None]:
    """How kernels for the targets ``built`` go with one target: ``own``, ``override`` with its value, or ``none``."""
    if target.gfx in built:
        return "own", None
    if target.override_gfx and target.override_gfx in built:
        return "override", target.override
    return "none", None


def _program(target: Target, name: str, rocm: str | None, built: Sequence[str], **more: Any) -> dict[str, Any]:
    """The three answers about the override: must not be set, set to a value, or of no use."""
    kernels, override = fit(target, built)
    answer = {
        "own": f"runs; {OVERRIDE} must not be set",
        "override": f"runs with {OVERRIDE}={override}, set for this program alone",
        "none": "no kernels for it: on the processor only",
    }[kernels]
    return {"name": name, "rocm": rocm, "kernels": kernels, "override": override, "answer": answer, **more}


def _wheel(target: Target, row: Torch) -> dict[str, Any]:
    requirement = (row.requirement or "").format(gfx=target.gfx)
    python = f"{row.python.min} to {row.python.max}" if row.python else None
    more = {"kind": "wheel", "index": row.index_url, "requirement": requirement, "python": python}
    return _program(target, f"PyTorch {row.version}", row.rocm, row.targets, **more)


def _image(target: Target, row: Image, mine: Sequence[Product]) -> dict[str, Any]:
    found = _program(target, row.reference, row.rocm, row.targets, kind="image", driver_min=row.driver_min, env={})
    if found["kernels"] != "none" and any(one.integrated for one in mine) and target.gfx not in row.integrated_default:
        found["env"] = dict(row.integrated_env)
    return found


def _driver(table: Table, target: Target, mine: Sequence[Product], system: System) -> dict[str, Any]:
    """Where the kernel's part comes from: ``inbox``, AMD's own (``dkms``), or ``none`` that is known to work."""
    families = {one.family for one in mine}
    named = [kernel for kernel in system.kernels if families & set(kernel.families)]
    driving = [kernel for kernel in system.kernels if drives(target, kernel)]
    fitting = [row for row in _offered(table, system) if families & set(row.families) and _knows(row, target)]
    amd = sound(fitting)
    best = [kernel for kernel in driving if kernel in named] or driving
    choice = "inbox" if best else "dkms" if amd else "none"
    return {
        "choice": choice,
        "since": target.inbox_since,
        "kernels": [f"{kernel.version} ({kernel.flavour})" for kernel in driving],
        "named": [{"kernel": f"{kernel.version} ({kernel.flavour})", "package": kernel.package} for kernel in named],
        "amd": [row.version for row in amd],
        "cautions": cautions(fitting),
        "amd_by_kernel": {
            kernel.version: [row.version for row in amd if row.builds_for(kernel.version)] for kernel in system.kernels
        },
        "amd_supports": bool(amd) and any(one.listed for one in mine),
        "families": sorted(families),
    }


def _offered(table: Table, system: System) -> list[Driver]:
    return [row for row in table.drivers_for(system.id) if row.repository in system.vendor]


def sound(rows: Iterable[Driver]) -> list[Driver]:
    """Releases that can be recommended: those without a caution."""
    return [row for row in rows if not row.caution]


def cautions(rows: Iterable[Driver]) -> dict[str, str]:
    """Why the others cannot: caution by version."""
    return {str(row.version): row.caution for row in rows if row.caution}


def _knows(row: Driver, target: Target) -> bool:
    return not target.driver_since or Version(str(row.version)) >= Version(target.driver_since)


def drives(target: Target, kernel: Kernel) -> bool:
    """Whether the kernel's own driver knows the target; no where that is not known."""
    return target.inbox_since is not None and Version(kernel.version) >= Version(target.inbox_since)


def _rocm(table: Table, target: Target, mine: Sequence[Product], system: System) -> list[dict[str, Any]]:
    """Every ROCm for a system, newest first, AMD's newer stream before its older one."""
    rows = [row for stream in ("core", "classic", "distro") for row in table.rocm_rows(stream, system.id)]
    return [_release(row, target, mine) for row in rows]


def _release(row: Rocm, target: Target, mine: Sequence[Product]) -> dict[str, Any]:
    """How a release goes with GPUs of one target. ``listed``: AMD has one of these very products in its table."""
    kernels, override = fit(target, row.built_targets) if row.built_targets else ("tools", None)
    return {
        "stream": row.stream,
        "version": row.version,
        "kernels": kernels,
        "override": override,
        "listed": target.gfx in row.targets
        and any(one.listed and Version(one.listed) <= Version(row.version) for one in mine if one.gfx == target.gfx),
        "driver": _span(row.driver),
        "tools": list(row.tools),
    }


def _span(span: Range | None) -> str | None:
    if span is None:
        return None
    return f"{span.min} to {span.max}" if span.max else f"{span.min} and newer"


def for_rocm(table: Table, row: Rocm, systems: Sequence[System], found: list[Product]) -> dict[str, Any]:
    """What one of AMD's ROCm releases needs: systems and their kernels, drivers, repositories, packages; how GPUs fit."""
    there = [system for system in systems if system.id in row.systems]
    drivers = [one for one in reversed(table.drivers) if row.driver and one.version and row.driver.holds(one.version)]
    targets = [target for gfx in dict.fromkeys(one.gfx for one in found) if (target := table.target(gfx))]
    return {
        "release": row.model_dump(
            include={"id", "stream", "version", "prefix", "released", "targets", "built_targets", "tools"}
        ),
        "source": table.sources["rocm"][row.source].ref,
        "packages": row.packages.model_dump(exclude_none=True),
        "driver": {
            "range": _span(row.driver),
            "releases": [one.version for one in sound(drivers)],
            "cautions": cautions(drivers),
        },
        "systems": [
            {
                **about(system),
                "families": {one.version: list(one.families) for one in system.kernels},
                "drivers": [one.version for one in sound(drivers) if system.id in one.systems],
                "repositories": [_address(table, name, row, system) for name in row.repositories],
            }
            for system in there
        ],
        "not_for": {system.id: _instead(table, system) for system in systems if system.id not in row.systems},
        "gpus": answers.as_json(found),
        "fits": [{"gfx": target.gfx, **_release(row, target, found)} for target in targets],
    }


def _instead(table: Table, system: System) -> str | None:
    """The newest of AMD's ROCm that there is for a system."""
    rows = [row for stream in ("core", "classic") for row in table.rocm_rows(stream, system.id)]
    return max((row.version for row in rows), key=Version, default=None)


def _address(table: Table, name: str, row: Rocm, system: System) -> dict[str, Any]:
    repository = table.repository(name)
    vendor, key = system.vendor[repository.vendor], table.key(repository.key)
    names = {"directory": row.folder(name), "directory_name": vendor.directory_name, "suite": vendor.suite}
    return {
        "url": f"{repository.base_url}/{repository.path.format(**names)}",
        "suite": repository.suite.format(**names),
        "key": {"url": key.url, "fingerprint": key.fingerprint},
    }


def for_driver(table: Table, row: Driver, systems: Sequence[System]) -> dict[str, Any]:
    """What one release of AMD's driver needs and goes with: systems and their kernels, ROCm."""
    there = [system for system in systems if system.id in row.systems]
    rocm = [one for one in reversed(table.rocm) if one.stream != "distro" and row.rocm and row.rocm.holds(one.version)]
    return {
        "release": row.model_dump(
            include={"id", "version", "package_version", "kernel_base", "kernel_max", "released", "families", "caution"}
        ),
        "source": table.sources["drivers"][row.source].ref,
        "rocm": {"range": _span(row.rocm), "releases": [one.version for one in rocm]},
        "systems": [
            {**about(system), "builds": [one.version for one in system.kernels if row.builds_for(one.version)]}
            for system in there
        ],
        "not_for": {
            system.id: next((one.version for one in sound(table.drivers_for(system.id))), None)
            for system in systems
            if system.id not in row.systems
        },
    }
