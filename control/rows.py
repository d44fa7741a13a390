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


class Kernel(Part):
    """A kernel that the vendor supports on this system, for these families of GPUs."""

    flavour: Literal["stock", "ga", "hwe", "oem"]
    version: VersionText
    families: list[Family]


class System(Row):
    """One operating system release."""

    id: str
    name: str
    os: str
    version: VersionText
    codename: str
    arch: str
    python: VersionText
    kernels: list[Kernel]
    components: dict[str, str]
    packages: dict[Literal["certificates", "container_engine", "firmware", "venv"], Packages]


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
    """One gfx target. ``override`` is the HSA_OVERRIDE_GFX_VERSION that makes it run kernels of a sibling."""

    gfx: Gfx
    architecture: str
    official: str
    override: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")] | None = None
    note: str = ""

    @property
    def override_gfx(self) -> str | None:
        """The target that the override makes the runtime report: 10.3.0 -> gfx1030."""
        if self.override is None:
            return None
        major, minor, step = (int(part) for part in self.override.split("."))
        return f"gfx{major}{minor:x}{step:x}"


class Driver(Row):
    """One source of the kernel driver."""

    id: str
    kind: Literal["inbox"]
    version: VersionText | None
    module: str
    systems: list[str]
    families: list[Family]


class KernelFix(Row):
    """A hole in the kernel's part of the driver: since which kernel, and where each stable series fixed it."""

    id: str
    what: str
    since: VersionText
    fixed: list[VersionText] = Field(min_length=1)


class Rocm(Row):
    """ROCm userspace for a host."""

    id: str
    stream: Literal["distro"]
    system: str
    version: VersionText
    packages: Packages
    tools: list[str]


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
