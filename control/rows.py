"""The rows of the truth table: one class per file of ``support/``. Unknown keys are refused."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from packaging.version import Version
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Family = Literal["instinct", "radeon", "radeon-pro", "ryzen"]


def _version(text: str) -> str:
    Version(text)
    return text


VersionText = Annotated[str, AfterValidator(_version)]
Gfx = Annotated[str, Field(pattern=r"^gfx[0-9]+[0-9a-f]{2}$")]
DeviceId = Annotated[str, Field(pattern=r"^[0-9a-f]{4}$")]
Mode = Annotated[str, Field(pattern=r"^0[0-7]{3}$")]
Purpose = Literal["certificates", "container_engine", "dkms", "firmware", "mok", "venv"]


class Row(BaseModel):
    """What every row has: no key that is not declared, and the name of a source in the same file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    source: str


class Part(BaseModel):
    """A piece of a row."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Part):
    """Where a fact was read, and when."""

    ref: str
    as_of: date


class Size(Part):
    """What has to be fetched and what it takes on the disk afterwards, in units of 1,000,000 bytes."""

    download_mb: int
    disk_mb: int
    basis: Literal["measured", "estimate"]


class Packages(Size):
    """Packages of one purpose, with the size of the whole set on a bare host, and the first one's version."""

    names: list[str] = Field(min_length=1)
    version: VersionText | None = None


class Range(Part):
    """Oldest and newest version, both included; ``max`` is None where no end is known."""

    min: VersionText
    max: VersionText | None = None


class Kernel(Part):
    """A kernel of this system that AMD names for these families of GPUs. ``package`` always depends on the newest one."""

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
    modules: list[str] = []
    meta: MetaPackages


class VendorName(Part):
    """What one of AMD's repositories calls a system. ``release`` stands at the end of the versions of its packages."""

    directory_name: str
    suite: str
    release: str | None = None


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
    vendor: dict[str, VendorName] = {}


class Product(Part):
    """What is sold under one PCI revision. ``gib`` is its memory, where AMD publishes it."""

    name: str
    gib: int | None = None


def _product(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Gpu(Row):
    """One PCI device id of vendor 1002."""

    device: DeviceId
    gfx: Gfx
    family: Family
    integrated: bool = False
    chip: str
    revisions: dict[str, Annotated[Product, BeforeValidator(_product)]] = {}


class Target(Row):
    """One gfx target.

    ``override``: the HSA_OVERRIDE_GFX_VERSION that makes it run kernels of a sibling. ``inbox_since``: first mainline kernel
    whose amdgpu drives it for compute. ``driver_since``: first release of AMD's own driver that names it. ``rocm``: releases
    in whose tables AMD lists it. ``full_memory_since``: first kernel that lets an integrated GPU have all of its memory.
    """

    gfx: Gfx
    architecture: str
    official: str
    override: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")] | None = None
    inbox_since: VersionText | None = None
    inbox_source: str | None = None
    driver_since: VersionText | None = None
    rocm: Range | None = None
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
    that it is known to build for. ``rocm``: the userspace releases that AMD supports with it.
    """

    id: str
    kind: Literal["inbox", "dkms"]
    version: VersionText | None = None
    module: str = "amdgpu"
    directory: str | None = None
    package_version: str | None = None
    kernel_base: VersionText | None = None
    kernel_max: VersionText | None = None
    packages: list[str] = []
    firmware: list[str] = []
    rocm: Range | None = None
    repository: str | None = None
    systems: list[str]
    families: list[Family]
    preview: bool = False
    released: date | None = None


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

    # What the planner read before there were levels.
    @property
    def names(self) -> list[str]:
        """Packages of ``runtime``."""
        return self.runtime.names

    @property
    def download_mb(self) -> int:
        """Of ``runtime``."""
        return self.runtime.download_mb

    @property
    def disk_mb(self) -> int:
        """Of ``runtime``."""
        return self.runtime.disk_mb


class Rocm(Row):
    """One release of the ROCm userspace for a host, of one stream: ``distro``, ``classic`` (to 7.2) or ``core`` (from 7.14).

    ``driver``: releases of AMD's driver that go with it. ``targets``: what AMD lists for it; ``built_targets``: what its
    libraries have kernels for.
    """

    id: str
    stream: Literal["distro", "classic", "core"]
    version: VersionText
    directory: str | None = None
    prefix: str
    systems: list[str] = Field(min_length=1)
    packages: Levels
    tools: list[str]
    repositories: list[str] = []
    driver: Range | None = None
    targets: list[Gfx] = []
    built_targets: list[Gfx] = []
    released: date | None = None


class PythonRange(Part):
    """Oldest and newest Python that wheels exist for, both included."""

    min: VersionText
    max: VersionText


class Torch(Row):
    """PyTorch of one build. ``requirement`` and ``index_url`` are for pip, ``packages`` for apt."""

    id: str
    build: Literal["rocm", "cpu", "distro"]
    version: VersionText
    rocm: VersionText | None = None
    system: str | None = None
    requirement: str | None = None
    index_url: str | None = None
    packages: list[str] = []
    python: PythonRange | None = None
    driver_min: VersionText | None = None
    targets: list[Gfx] = []
    size: Size


class Built(Part):
    """An image that is built on the host, and the images it starts from with and without a GPU."""

    context: str
    gpu_base: str
    cpu_base: str


class Image(Row):
    """One container image. ``targets`` are the GPU targets it has kernels for."""

    id: str
    image: str
    tag: str | None = None
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    rolling: bool = False
    built: Built | None = None
    rocm: VersionText | None = None
    python: VersionText | None = None
    torch: VersionText | None = None
    driver_min: VersionText | None = None
    targets: list[Gfx] = []
    integrated_env: dict[str, str] = {}
    integrated_default: list[Gfx] = []
    size: Size
    stand_in: Size | None = None

    @property
    def reference(self) -> str:
        """What is given to the engine: ``name@digest`` where the digest is known, else ``name:tag``."""
        return f"{self.image}@{self.digest}" if self.digest else f"{self.image}:{self.tag}"


class User(Part):
    """The numeric user that a container runs as and that owns its folders."""

    uid: int = Field(ge=1)
    gid: int = Field(ge=1)


class Folder(Part):
    """A folder of user data on the host."""

    path: str
    mode: Mode


class Mount(Part):
    """A file or folder of the host that a container sees."""

    source: str
    target: str
    read_only: bool = False


class Secret(Part):
    """Made once on the host, of letters and digits only (AnythingLLM cuts values at other characters)."""

    name: str
    length: int = Field(ge=32)


class EnvFile(Part):
    """A file of ``KEY=value`` lines that exists before the container starts."""

    path: str
    values: dict[str, str]
    secrets: list[Secret] = []


class Health(Part):
    """How the engine asks (``test``) and what ``verify`` reads at ``path``: some JSON keys, or a text."""

    test: list[str] = Field(min_length=2)
    start_period_s: int
    path: str
    json_: dict[str, Any] | None = Field(default=None, alias="json")
    contains: str | None = None


class Limits(Part):
    """Upper bounds of one container. ``memory_share`` is of the host's memory."""

    memory_share: float = Field(gt=0, le=1)
    memory_max_mb: int | None = None
    pids: int
    shm_mb: int | None = None


class Service(Row):
    """One service of the catalogue. ``gpu`` is the only GPU setting there is."""

    id: str
    name: str
    image: str
    port: int
    gpu: bool
    needs: list[str]
    user: User
    folders: list[Folder]
    mounts: list[Mount]
    env: dict[str, str]
    env_file: EnvFile | None = None
    secrets: list[Secret] = []
    health: Health
    read_only: bool = False
    models: bool = False
    limits: Limits
    reserve_disk_mb: int
