"""The rows of the truth table: one class per list of ``support/*.yml``. Those of wheels, images, services: programrows; of
language models: modelrows."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from packaging.version import Version
from pydantic import BeforeValidator, Field

from control.modelrows import Model as Model
from control.modelrows import Quantisation as Quantisation
from control.programrows import Image as Image
from control.programrows import Program as Program
from control.programrows import Service as Service
from control.programrows import Torch as Torch
from control.rowparts import DeviceId, Gfx, Packages, Part, Purpose, Row, VersionText
from control.rowparts import Family as Family
from control.rowparts import Range as Range
from control.rowparts import Size as Size
from control.rowparts import Source as Source


class Kernel(Part):
    """A kernel that AMD names for these families of GPUs. ``package`` always depends on the newest one of the flavour."""

    flavour: Literal["stock", "ga", "hwe", "oem"]
    version: VersionText
    families: list[Family]
    package: str


class MetaPackages(Part):
    """Packages that always depend on the newest kernel and its headers."""

    image: str
    headers: str


class KernelPackages(Part):
    """What the packages of one kernel are called; ``{release}`` is what ``uname -r`` says."""

    image: str
    headers: str
    modules: list[str] = Field(default_factory=list)
    meta: MetaPackages


class VendorName(Part):
    """What one of AMD's repositories calls a system. ``release`` stands at the end of the versions of its packages."""

    directory_name: str
    suite: str
    release: str | None = None


Format = Literal["float64", "float32", "float16", "bfloat16", "float8", "int8"]


class Rate(Row):
    """How fast products are at least: matrix products in TFLOP/s, by the format of their factors."""

    id: str
    products: list[str] = Field(min_length=1)
    tflops: dict[Format, Annotated[float, Field(gt=0)]] = Field(min_length=1)


class System(Row):
    """One operating system release. ``vendor`` is by repository; one that is missing has nothing for the system."""

    id: str
    name: str
    os: str
    version: VersionText
    codename: str
    arch: str
    python: VersionText
    kernels: list[Kernel]
    components: dict[str, str]
    kernel_packages: KernelPackages
    packages: dict[Purpose, Packages]
    vendor: dict[str, VendorName] = Field(default_factory=dict)


class Elsewhere(Row):
    """A system that AMD supports and gpuhost does not set up."""

    id: str
    name: str
    kernel: str
    families: list[Family]


class Product(Part):
    """What is sold under one PCI revision. ``gib`` is its memory, where AMD publishes it."""

    name: str
    gib: int | None = None


def _product(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Gpu(Row):
    """One PCI device id of vendor 1002.

    ``aliases``: what people call it besides its products' names. ``listed``: False where AMD's lists mean another device
    with products of the same name.
    """

    device: DeviceId
    gfx: Gfx
    family: Family
    integrated: bool = False
    chip: str
    aliases: list[str] = Field(default_factory=list)
    listed: bool = True
    revisions: dict[str, Annotated[Product, BeforeValidator(_product)]] = Field(default_factory=dict)


class Target(Row):
    """One gfx target.

    ``override``: the HSA_OVERRIDE_GFX_VERSION that makes it run kernels of a sibling. ``inbox_since``: the oldest series in
    which mainline's amdkfd was seen to drive it. ``driver_since``: the first release of AMD's driver that names it.
    ``rocm``: the releases in whose tables AMD has products with it, ``listed``: these products, each with the first such
    release. ``full_memory_since``: the first kernel that lets an integrated GPU have all of its memory.
    """

    gfx: Gfx
    architecture: str
    override: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")] | None = None
    inbox_since: VersionText | None = None
    inbox_source: str | None = None
    driver_since: VersionText | None = None
    rocm: Range | None = None
    listed: dict[str, VersionText] = Field(default_factory=dict)
    full_memory_since: VersionText | None = None
    note: str = ""

    @property
    def override_gfx(self) -> str | None:
        """The target that the override makes the runtime report: 10.3.0 -> gfx1030."""
        if self.override is None:
            return None
        major, minor, step = (int(part) for part in self.override.split("."))
        return f"gfx{major}{minor:x}{step:x}"


class Driver(Row):
    """One release of the kernel driver, or the one that the system's own kernel carries (``inbox``).

    ``directory`` is its folder in the repository. ``package_version``: exact version of amdgpu-dkms; ``{release}`` is the
    system's :attr:`VendorName.release`. ``kernel_base``: the kernel that its source is of; ``kernel_max``: the newest series
    that it is known to build for. ``rocm``: the userspace releases that AMD supports with it. ``caution``: why nobody gets
    it without asking for it.
    """

    id: str
    kind: Literal["inbox", "dkms"]
    version: VersionText | None = None
    module: str = "amdgpu"
    directory: str | None = None
    package_version: str | None = None
    kernel_base: VersionText | None = None
    kernel_max: VersionText | None = None
    packages: list[str] = Field(default_factory=list)
    firmware: list[str] = Field(default_factory=list)
    rocm: Range | None = None
    repository: str | None = None
    systems: list[str]
    families: list[Family]
    released: date | None = None
    caution: str = ""

    @property
    def newest_kernel(self) -> Version | None:
        """The newest kernel series that it builds for; None where it is not known."""
        known = [Version(".".join(one.split(".")[:2])) for one in (self.kernel_base, self.kernel_max) if one]
        return max(known, default=None)

    def builds_for(self, series: str) -> bool:
        """Whether it is known to build for a kernel series (``6.17``); older ones than its own count."""
        return self.newest_kernel is not None and Version(series) <= self.newest_kernel


class KernelFix(Row):
    """A hole in the kernel's part of the driver: since which kernel, and where each stable series fixed it."""

    id: str
    what: str
    since: VersionText
    fixed: list[VersionText] = Field(min_length=1)


class Key(Row):
    """A signing key of a vendor: where it is fetched, and the fingerprint that it must have."""

    id: str
    url: str
    fingerprint: Annotated[str, Field(pattern=r"^[0-9A-F]{40}$")]


class Pin(Part):
    """An apt preference: packages of this origin have this priority."""

    origin: str
    priority: int


class Repository(Row):
    """An apt repository of a vendor.

    Its address is ``base_url/path``. ``{directory}`` is that of the row that uses it; ``{directory_name}`` and ``{suite}``
    are what it calls the system: :attr:`System.vendor` under ``vendor``. ``mirror``: a variable; replaces ``base_url``.
    """

    id: str
    name: str
    base_url: str
    path: str
    suite: str
    components: list[str] = Field(min_length=1)
    architectures: list[str] = Field(min_length=1)
    key: str
    mirror: str | None = None
    pin: Pin | None = None
    vendor: str


class Levels(Part):
    """Packages to run programs (``runtime``) and to build them (``full``). ``{gfx}`` is the GPU's target."""

    runtime: Packages
    full: Packages | None = None


class Rocm(Row):
    """One release of the ROCm userspace for a host, of one stream: ``distro``, ``classic`` (to 7.2) or ``core`` (from 7.14).

    ``driver``: releases of AMD's driver that go with it. ``targets``: what AMD lists for it; ``built_targets``: what its
    libraries have kernels for. ``graphics_directory``: its folder of graphics libraries, where that is another release's.
    """

    id: str
    stream: Literal["distro", "classic", "core"]
    version: VersionText
    directory: str | None = None
    graphics_directory: str | None = None
    prefix: str
    systems: list[str] = Field(min_length=1)
    packages: Levels
    tools: list[str]
    repositories: list[str] = Field(default_factory=list)
    driver: Range | None = None
    targets: list[Gfx] = Field(default_factory=list)
    built_targets: list[Gfx] = Field(default_factory=list)
    released: date | None = None

    def folder(self, repository: str) -> str | None:
        """Its folder in a repository."""
        return (repository == "graphics" and self.graphics_directory) or self.directory
