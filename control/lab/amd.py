"""AMD's apt repositories as the lab's mirror has them: AMD's layout and names, stand-ins for packages.

Which releases there are, and what AMD calls a Debian release, comes from the truth table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from control import rows
from control.lab import amd_driver, amd_rocm, names
from control.lab.amd_debs import Deb, write
from control.support import Table

#: Releases of the driver, and of each stream of ROCm: enough to go up and down again.
DRIVERS = 4
ROCMS = 2
#: Releases of the driver that come with every trouble too: the newest ones.
TROUBLED = 2


@dataclass(frozen=True)
class Repository:
    """One suite of one apt repository.

    :param path: its root below the mirror's ``/amd``.
    :param release: fields of its Release file beside those that every one has.
    """

    path: str
    suite: str
    row: rows.Repository
    release: dict[str, str]
    debs: tuple[Deb, ...] = field(default=())


def repositories(table: Table, system_id: str) -> list[Repository]:
    """Everything that hosts with this system fetch from AMD."""
    system = table.system_by_id(system_id)
    offered = drivers(table, system_id)
    found = [_driver(table, system, row, None) for row in offered]
    found += [_driver(table, system, row, one) for one in amd_driver.variants() for row in offered[:TROUBLED]]
    found += [one for row in rocms(table, "classic", system_id) for one in _classic(table, system, row)]
    return [*found, *_core(table, system, rocms(table, "core", system_id))]


def drivers(table: Table, system_id: str) -> list[rows.Driver]:
    """Releases of AMD's driver that the mirror has for a system, newest first: the newest one of each kernel base."""
    bases: dict[str, rows.Driver] = {}
    for row in table.drivers_for(system_id):
        if row.kernel_base is not None:
            bases.setdefault(row.kernel_base, row)
    return list(bases.values())[:DRIVERS]


def rocms(table: Table, stream: str, system_id: str) -> list[rows.Rocm]:
    """Releases of one of AMD's streams that the mirror has for a system, newest first."""
    return amd_rocm.newest(table.rocm_rows(stream, system_id), ROCMS)


def debian_dependencies(table: Table, system_id: str) -> list[str]:
    """What AMD's packages, and rows that name them, need of the system's own archive, as `Depends` writes it; sorted."""
    debs = [deb for one in repositories(table, system_id) for deb in one.debs]
    ours = {deb.name for deb in debs}
    levels = [row.packages for stream in ("classic", "core") for row in rocms(table, stream, system_id)]
    named = {name for level in levels for group in (level.runtime, level.full) if group for name in group.names}
    needed = {clause for deb in debs for clause in deb.depends} | {name for name in named if "{" not in name}
    return sorted(clause for clause in needed if not ours & _names(clause))


def _names(clause: str) -> set[str]:
    """Packages in ``a (>= 1) | b``."""
    return {re.split(r"[\s(]", one.strip())[0] for one in clause.split("|")}


def borrowed_from(found: Iterable[Repository]) -> list[str]:
    """Debian's packages that programs are taken from."""
    return ["rocminfo"] if any(deb.borrowed for one in found for deb in one.debs) else []


def lay(found: Iterable[Repository], folder: Path) -> None:
    """Every repository is below ``folder``: package trees in ``pool/<suite>``, its Release's fields in ``dists/<suite>``."""
    for one in found:
        root = folder / one.path
        dists = root / "dists" / one.suite
        dists.mkdir(parents=True, exist_ok=True)
        (dists / names.AMD_RELEASE_CONF).write_text(_release_conf(one))
        pool = root / "pool" / one.suite
        pool.mkdir(parents=True, exist_ok=True)
        for deb in one.debs:
            write(deb, pool)


def _release_conf(one: Repository) -> str:
    """For `apt-ftparchive --config-file`."""
    said = {
        "Suite": one.suite,
        "Codename": one.suite,
        "Architectures": " ".join(one.row.architectures),
        "Components": " ".join(one.row.components),
        **one.release,
    }
    return "".join(f'APT::FTPArchive::Release::{key} "{value}";\n' for key, value in said.items())


def _driver(table: Table, system: rows.System, row: rows.Driver, variant: str | None) -> Repository:
    return _repository(
        table, system, str(row.repository), row.directory,
        amd_driver.debs(row, str(system.vendor["amdgpu"].release), variant), str(row.version), under=variant,
    )  # fmt: skip


def _classic(table: Table, system: rows.System, row: rows.Rocm) -> list[Repository]:
    debs = amd_rocm.classic(row, str(system.vendor["rocm"].release))
    content = {"rocm": debs}
    return [_repository(table, system, id, row.directory, content.get(id, []), row.version) for id in row.repositories]


def _core(table: Table, system: rows.System, found: Sequence[rows.Rocm]) -> list[Repository]:
    """One repository for all releases, as AMD's: names of packages have the release in them."""
    if not found:
        return []
    newest, *older = [amd_rocm.core(row) for row in found]
    debs = [*newest, *(deb for group in older for deb in group)]
    return [_repository(table, system, found[0].repositories[0], None, debs, None)]


def _repository(
    table: Table, system: rows.System, repository_id: str, directory: str | None, debs: Sequence[Deb], version: str | None,
    under: str | None = None,
) -> Repository:  # fmt: skip
    row = table.repository(repository_id)
    vendor = system.vendor[row.vendor]
    words = {"directory": directory, "directory_name": vendor.directory_name, "suite": vendor.suite}
    base = names.AMD_FOLDERS[row.id]
    path = "/".join([*([under] if under else []), base, row.path.format(**words)])
    return Repository(path, row.suite.format(**words), row, _release_fields(row, version), tuple(debs))


def _release_fields(row: rows.Repository, version: str | None) -> dict[str, str]:
    """Origin and the like as AMD's own Release files have them (repo.radeon.com in public threads; TheRock's
    upload_package_repo.py), and that this is not AMD's."""
    if row.id == "core":
        return {"Origin": "AMD ROCm", "Label": "ROCm Packages", "Description": "STAND-IN of gpuhost's lab: ROCm Core SDK"}
    said = {"Origin": "repo.radeon.com", "Label": "repo.radeon.com", "Description": f"STAND-IN of gpuhost's lab: {row.name}"}
    return {**said, **({"Version": version} if version else {})}
