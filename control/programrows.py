"""Rows of the truth table for what runs on a host: wheels, images, services."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from control.rowparts import Gfx, Mode, Part, Row, Size, VersionText


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
    packages: list[str] = Field(default_factory=list)
    python: PythonRange | None = None
    driver_min: VersionText | None = None
    targets: list[Gfx] = Field(default_factory=list)
    size: Size


class Built(Part):
    """An image that is built on the host, and the images it starts from with and without a GPU."""

    context: str
    gpu_base: str
    cpu_base: str


class Image(Row):
    """One container image. ``targets`` are the GPU targets it has kernels for; with ``vulkan`` it compiles its own."""

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
    targets: list[Gfx] = Field(default_factory=list)
    vulkan: bool = False
    integrated_env: dict[str, str] = Field(default_factory=dict)
    integrated_default: list[Gfx] = Field(default_factory=list)
    size: Size
    stand_in: Size | None = None

    @property
    def reference(self) -> str:
        """What is given to the engine: ``name@digest`` where the digest is known, else ``name:tag``."""
        return f"{self.image}@{self.digest}" if self.digest else f"{self.image}:{self.tag}"


class Archive(Part):
    """One file of a release. ``gpu``: only a host with a GPU for it needs it."""

    name: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    gpu: bool = False


class Program(Row):
    """A program that its maker publishes as archives. ``program``: its path in them. ``kernels``: an image with the same."""

    id: str
    version: VersionText
    url: str
    program: str
    archives: list[Archive] = Field(min_length=1)
    kernels: str
    size: Size
    stand_in: Size | None = None


class Native(Part):
    """A service on the host itself instead of in a container: a row of programs.yml, its arguments and its environment."""

    program: str
    arguments: list[str]
    env: dict[str, str]


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
    """Made once on the host, of letters and digits only (AnythingLLM cuts values at other characters).

    ``purpose``: what it opens. ``for_people``: whether somebody types it somewhere. ``encrypts``: data is encrypted with it,
    and unreadable once it is another. ``at_least``: how long the program wants one that a site gives. ``optional``: it is
    somebody else's, so it is there only where the site gives it. ``initial``: read at the first start alone; later it is
    changed in the application.
    """

    name: str
    length: int = Field(ge=32)
    purpose: str
    for_people: bool = False
    encrypts: bool = False
    at_least: int = 16
    optional: bool = False
    initial: bool = False


class EnvFile(Part):
    """A file of ``KEY=value`` lines that exists before the container starts."""

    path: str
    values: dict[str, str]
    secrets: list[Secret] = Field(default_factory=list)


UrlPath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9/_.*-]*$")]


class Health(Part):
    """How the engine asks (``test``) and what ``verify`` reads at ``path``: some JSON keys, or a text."""

    test: list[str] = Field(min_length=2)
    start_period_s: int
    path: str
    json_: dict[str, Any] | None = Field(default=None, alias="json")
    contains: str | None = None


class Fallback(Part):
    """Images that take the place of the first where it has no kernels for the GPU, and where there is no GPU."""

    vulkan: str
    cpu: str


class ModelFile(Part):
    """The service loads one model, from a file: of the host, or of the models that the service ``store`` keeps."""

    store: str


class OpenAi(Part):
    """Where a service answers as OpenAI's API does, and which of its secrets opens it."""

    path: str
    key: str


class Credential(Part):
    """What the gateway shows a service for its users, in Authorization: a scheme, and one of the row's secrets.

    ``opens``: a page that comes with nothing else; health pages come without it.
    """

    scheme: str
    secret: str
    opens: UrlPath


class Gateway(Part):
    """How the service is reached through the gateway.

    ``kind``: opened by people, or called by programs, then at ``api``. ``closed``: paths that nobody reaches from the
    network; ``only``: of the rest no others are. ``own_login``: Authorization is the service's own; else it is the
    gateway's, which shows the service ``credential`` in its place. ``query_token``: clients send that as ``?token=`` too.
    """

    kind: Literal["page", "api"] = "page"
    api: str = ""
    closed: list[UrlPath] = Field(default_factory=list)
    only: list[UrlPath] = Field(default_factory=list)
    own_login: bool = True
    query_token: bool = False
    credential: Credential | None = None


class Limits(Part):
    """Upper bounds of one container. ``memory_share`` is of the host's memory."""

    memory_share: float = Field(gt=0, le=1)
    memory_max_mb: int | None = None
    pids: int
    shm_mb: int | None = None


class Service(Row):
    """One service of the catalogue. ``gpu`` is the only GPU setting there is.

    ``needs``: services that come with it. ``uses``: services that it calls where the site has them. ``extensions``: what is
    built into its image besides, by what it is for: a requirement of pip. ``settings``: whose API sets what
    it keeps in its own database.
    """

    id: str
    name: str
    image: str
    fallback: Fallback | None = None
    port: int
    gpu: bool
    needs: list[str]
    uses: list[str] = Field(default_factory=list)
    user: User
    command: list[str] = Field(default_factory=list)
    folders: list[Folder]
    mounts: list[Mount]
    env: dict[str, str]
    env_file: EnvFile | None = None
    secrets: list[Secret] = Field(default_factory=list)
    health: Health
    native: Native | None = None
    read_only: bool = False
    models: bool = False
    model_file: ModelFile | None = None
    browser: bool = False
    extensions: dict[str, str] = Field(default_factory=dict)
    openai: OpenAi | None = None
    settings: Literal["openwebui"] | None = None
    limits: Limits
    reserve_disk_mb: int
    gateway: Gateway = Field(default_factory=Gateway)
