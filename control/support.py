"""The truth table: what is known to work with what. Read from ``support/*.yml``, checked row by row on load.

``load()`` gives a :class:`Table`; a mistake in a file raises :class:`SupportError` that names file, row and key, all
mistakes at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from control import rows

SUPPORT_DIR = Path(__file__).resolve().parent.parent / "support"


class SupportError(ValueError):
    """The truth table is not well formed. ``problems`` has one sentence per mistake."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("the truth table is not well formed:\n  " + "\n  ".join(self.problems))


@dataclass(frozen=True)
class Table:
    """Every row, by file, in the order of the files."""

    gpus: Sequence[rows.Gpu]
    targets: Sequence[rows.Target]
    rates: Sequence[rows.Rate]
    systems: Sequence[rows.System]
    elsewhere: Sequence[rows.Elsewhere]
    keys: Sequence[rows.Key]
    repositories: Sequence[rows.Repository]
    drivers: Sequence[rows.Driver]
    kernel_fixes: Sequence[rows.KernelFix]
    rocm: Sequence[rows.Rocm]
    torch: Sequence[rows.Torch]
    images: Sequence[rows.Image]
    programs: Sequence[rows.Program]
    catalogue: Sequence[rows.Service]
    models: Sequence[rows.Model]
    quantisations: Sequence[rows.Quantisation]
    sources: Mapping[str, Mapping[str, rows.Source]]

    def system(self, os_section: Mapping[str, Any]) -> rows.System | None:
        """The row of the operating system in a snapshot's section ``os``, or None if there is none."""
        wanted = (os_section.get("id"), str(os_section.get("version_id")), os_section.get("arch", "x86_64"))
        return next((row for row in self.systems if (row.os, row.version, row.arch) == wanted), None)

    def nearest_system(self, os_section: Mapping[str, Any]) -> rows.System:
        """The newest row of the same operating system, else of the one it is like; Debian where nothing fits."""
        like = [os_section.get("id"), *str(os_section.get("id_like") or "").split(), "debian"]
        fitting = [[row for row in self.systems if row.os == name] for name in like]
        return next(found[-1] for found in fitting if found)

    def system_by_id(self, system_id: str) -> rows.System:
        """The system with this id. Raises KeyError."""
        return _by_id(self.systems, system_id)

    def packages_for(self, system_id: str) -> list[str]:
        """Every package of the system's own archive that any role may install there, sorted."""
        system = self.system_by_id(system_id)
        names = {name for group in system.packages.values() for name in group.names}
        names |= {system.kernel_packages.meta.image, system.kernel_packages.meta.headers}
        names |= {name for row in self.rocm_rows("distro", system_id) for name in row.packages.runtime.names}
        names |= {name for row in self.torch if row.system == system_id for name in row.packages}
        return sorted(names)

    def gpu(self, device_id: str) -> rows.Gpu | None:
        """The row of an AMD PCI device id (four lower-case hex digits), or None."""
        return next((row for row in self.gpus if row.device == device_id.lower()), None)

    def gpu_name(self, device_id: str, revision: str | None) -> str:
        """The product behind a PCI device id and revision, as exactly as the table knows it."""
        row = self.gpu(device_id)
        if row is None:
            return f"unknown AMD GPU 1002:{device_id}"
        product = row.revisions.get((revision or "").lower())
        return product.name if product else f"{row.chip} (1002:{device_id})"

    def floors(self, product: str) -> dict[str, float]:
        """At least how many TFLOP/s a product has in each format; empty where nobody says."""
        return {name: value for row in self.rates if product in row.products for name, value in row.tflops.items()}

    def target(self, gfx: str | None) -> rows.Target | None:
        """What is known of a gfx target, or None."""
        return next((row for row in self.targets if row.gfx == gfx), None)

    def drivers_for(self, system_id: str, kind: str = "dkms") -> list[rows.Driver]:
        """The drivers of one kind for a system, newest first."""
        return [row for row in reversed(self.drivers) if row.kind == kind and system_id in row.systems]

    def driver_by_version(self, version: str) -> rows.Driver | None:
        """The release of AMD's driver with this version (``30.30`` is ``30.30.0``), or None."""
        return _by_version([row for row in self.drivers if row.version], version)

    def repository(self, repository_id: str) -> rows.Repository:
        """The repository with this id. Raises KeyError."""
        return _by_id(self.repositories, repository_id)

    def key(self, key_id: str) -> rows.Key:
        """The signing key with this id. Raises KeyError."""
        return _by_id(self.keys, key_id)

    def rocm_rows(self, stream: str, system_id: str) -> list[rows.Rocm]:
        """The ROCm userspaces of one stream for a system, newest first."""
        return [row for row in reversed(self.rocm) if row.stream == stream and system_id in row.systems]

    def rocm_row(self, stream: str, system_id: str) -> rows.Rocm | None:
        """The newest ROCm userspace of one stream for a system, or None."""
        return next(iter(self.rocm_rows(stream, system_id)), None)

    def rocm_by_version(self, version: str) -> rows.Rocm | None:
        """AMD's own ROCm release with this version (``7.2`` is ``7.2.0``), or None; the distributions' do not count."""
        return _by_version([row for row in self.rocm if row.stream != "distro"], version)

    def torch_rows(self, build: str, system_id: str | None = None) -> list[rows.Torch]:
        """The PyTorch rows of one build, newest first; rows of other systems left out."""
        return [r for r in reversed(self.torch) if r.build == build and r.system in (None, system_id)]

    def image(self, image_id: str) -> rows.Image:
        """The image with this id. Raises KeyError."""
        return _by_id(self.images, image_id)

    def program(self, program_id: str) -> rows.Program:
        """The program with this id. Raises KeyError."""
        return _by_id(self.programs, program_id)

    def services(self) -> Sequence[rows.Service]:
        """The catalogue."""
        return self.catalogue

    def service(self, service_id: str) -> rows.Service:
        """The service with this id. Raises KeyError."""
        return _by_id(self.catalogue, service_id)

    def model_names(self) -> list[str]:
        """Every model that the table knows by name and tag."""
        return [f"{row.id}:{tag}" for row in self.models for tag in row.tags]

    def model_megabytes(self, name: str) -> int | None:
        """About how much a model with its tag (``llama3.2:1b``) is to fetch, None where nobody says."""
        model, _, tag = name.partition(":")
        return next((row.tags.get(tag) for row in self.models if row.id == model), None)

    def bits_per_weight(self, quantisation: str) -> float | None:
        """What a weight takes in a file of this quantisation (``Q4_K_M``), None where nobody says."""
        return next((row.bits_per_weight for row in self.quantisations if row.id == quantisation.upper()), None)


def load(directory: Path | None = None) -> Table:
    """The truth table of ``directory`` (default: this repository's). Raises SupportError."""
    return _load(directory or SUPPORT_DIR)


@cache
def _load(directory: Path) -> Table:
    from control import supportfiles  # late: pydantic and YAML cost more than most commands

    return supportfiles.read(directory)


def _by_version(table: Sequence[Any], wanted: str) -> Any:
    from packaging.version import InvalidVersion, Version  # late: most commands ask for no version

    try:
        number = Version(wanted)
    except InvalidVersion:
        return None
    return next((row for row in table if Version(row.version) == number), None)


def _by_id(table: Sequence[Any], wanted: str) -> Any:
    for row in table:
        if row.id == wanted:
            return row
    raise KeyError(wanted)
