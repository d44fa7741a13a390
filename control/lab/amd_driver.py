"""Stand-ins for AMD's kernel driver: `amdgpu-dkms`, a real DKMS source, and `amdgpu-dkms-firmware`.

Versions are AMD's: `amdgpu-dkms 1:6.16.13.30300400-2341068.24.04` has the DKMS version `6.16.13-2341068.24.04`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from control import rows
from control.lab import names
from control.lab.amd_debs import Deb
from control.lab.files import File

FOLDER = names.CONTEXTS_DIR / "amd"
#: The build number where the truth table does not know AMD's.
_BUILD = "1"
#: From here on the module's own version ends with the release's digits (`6.19.14.31400000`), and the firmware package has
#: an epoch, which it lost at 30.10: `apt` takes firmware of 31.x for newer than that of any later 30.x.
_SINCE_31_40 = Version("31.40")


#: AMD's own (`apt show amdgpu-dkms` in threads of ROCm/ROCm); the firmware's version is not among them since 30.10.
_DEPENDS = ("dkms (>= 1.95)", "libc-dev | libc6-dev", "autoconf", "automake", "initramfs-tools", "amdgpu-dkms-firmware")


@dataclass(frozen=True)
class Versions:
    """What one release of the driver is called, package by package."""

    package: str
    firmware: str
    dkms: str
    module: str


def versions(row: rows.Driver, release: str) -> Versions:
    """Of a driver in packages for one of AMD's systems (``24.04``). Raises ValueError where the kernel base is not known."""
    if row.version is None or row.kernel_base is None:
        raise ValueError(f"{row.id}: the truth table has no kernel base for it")
    number = digits(row.version)
    known = row.package_version or f"1:{row.kernel_base}.{number}-{_BUILD}.{{release}}"
    package = known.format(release=release)
    build = package.rpartition("-")[2]
    new = Version(row.version) >= _SINCE_31_40
    parts = (*Version(row.version).release, 0, 0)[:3]
    return Versions(
        package=package,
        firmware=f"{'1:' if new else ''}{'.'.join(map(str, parts))}.0.{number}-{build}",
        dkms=f"{row.kernel_base}-{build}",
        module=f"{row.kernel_base}.{number}" if new else row.kernel_base,
    )


def digits(version: str) -> str:
    """A driver's release as its packages write it: ``30.30.4`` is ``30300400``."""
    major, minor, patch = (*Version(version).release, 0, 0)[:3]
    return f"{major}{minor:02}{patch:02}00"


def variants() -> tuple[str, ...]:
    """Troubles that a driver of the lab can come with: a folder each below ``docker/lab/amd/variants``."""
    return tuple(sorted(path.name for path in (FOLDER / "variants").iterdir()))


def debs(row: rows.Driver, release: str, variant: str | None = None) -> list[Deb]:
    """The packages of one release of the driver.

    :param release: what AMD calls the system at the end of a version, ``24.04``.
    :param variant: one of :func:`variants`; None is a driver that builds.
    """
    known = versions(row, release)
    driver = Deb(
        "amdgpu-dkms", known.package, f"a DKMS source that drives no GPU{f' ({variant})' if variant else ''}", "all",
        depends=_DEPENDS,
        fields={"Provides": "rock-dkms"},
        files=_source(known, variant),
        scripts={name: _script(f"amdgpu-dkms.{name}", known) for name in ("postinst", "prerm")},
    )  # fmt: skip
    # AMD's has the initial RAM disk rebuilt too. This one has nothing for it, and under emulation that takes minutes.
    firmware = Deb(
        "amdgpu-dkms-firmware", known.firmware, "it holds no firmware", "all",
        files={"usr/lib/firmware/updates/amdgpu/gpuhost-lab-stand-in.txt": File(f"release {row.version}\n")},
    )  # fmt: skip
    return [driver, firmware]


def _source(known: Versions, variant: str | None) -> dict[str, File]:
    """The DKMS source as it lies in ``/usr/src``; a variant's files take the place of the driver's."""
    files = _texts(FOLDER / "driver")
    other = _texts(FOLDER / "variants" / variant) if variant else {}
    conf = files["dkms.conf"].replace("@VARIANT_CONF@", other.pop("dkms.conf", "").strip())
    files = {**files, **other, "dkms.conf": conf}
    return {f"usr/src/amdgpu-{known.dkms}/{path}": File(_filled(text, known)) for path, text in files.items()}


def _texts(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def _script(name: str, known: Versions) -> str:
    return _filled((FOLDER / "scripts" / name).read_text(), known)


def _filled(text: str, known: Versions) -> str:
    words: Mapping[str, str] = {"@DKMS_VERSION@": known.dkms, "@MODULE_VERSION@": known.module}
    for word, value in words.items():
        text = text.replace(word, value)
    return text
