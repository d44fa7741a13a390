"""What the lab calls its things, and where it keeps its own files. One home for each name."""

from __future__ import annotations

from pathlib import Path

from control.paths import INVENTORY_DIR, ROOT

PREFIX = "gpuhost-lab-"
NETWORK = f"{PREFIX}net"
MIRROR = f"{PREFIX}mirror"
IMAGES = f"{PREFIX}image"

#: On everything that the lab makes, images too; containers made from those inherit it.
LABEL = "org.gpuhost.lab"
#: On containers, volumes and the network: the `.lab` folder that their keys are in. `down` removes no container without
#: it, and two checkouts on one machine do not mix theirs.
HOME_LABEL = "org.gpuhost.lab.home"
#: A host's specification as JSON: what `status` and the inventory are made from.
SPEC_LABEL = "org.gpuhost.lab.spec"
#: Digest of all that went into a container; another digest means that it must be made anew.
INPUT_LABEL = "org.gpuhost.lab.input"
#: Debian releases that a mirror has.
RELEASES_LABEL = "org.gpuhost.lab.releases"
#: Debian releases whose kernels a mirror has.
KERNELS_LABEL = "org.gpuhost.lab.kernels"
#: On build stages that no image keeps.
STAGE_LABEL = "org.gpuhost.lab.stage"
#: On images that take the place of another.
STAND_IN_LABEL = "org.gpuhost.stand-in"

LAB_DIR = ROOT / ".lab"
KNOWN_HOSTS = LAB_DIR / "known_hosts"
SSH_KEY = LAB_DIR / "ssh" / "id_ed25519"
CA_DIR = LAB_DIR / "ca"
CA_CERTIFICATE = CA_DIR / "ca.crt"
APT_DIR = LAB_DIR / "apt"
APT_KEY = APT_DIR / "gpuhost-lab.asc"
#: The key that stands in for AMD's, with another fingerprint than theirs.
AMD_DIR = LAB_DIR / "amd"
AMD_KEY = AMD_DIR / "gpuhost-lab-amd.asc"
HOSTS_DIR = LAB_DIR / "hosts"

#: Virtual machines: `gpuhost-lab-vm1`, …; their disks, and the images that those are made from.
VM_PREFIX = f"{PREFIX}vm"
VM_DIR = LAB_DIR / "vm"
VM_IMAGES_DIR = VM_DIR / "images"
VM_HOSTS_DIR = VM_DIR / "hosts"

SITE = "lab"
SITE_DIR = INVENTORY_DIR / SITE
CONTEXTS_DIR = ROOT / "docker" / "lab"

USER = "gpuhost"
REGISTRY_PORT = 5000
APT_URL = f"https://{MIRROR}/debian"
PYTHON_INDEX = f"https://{MIRROR}/pypi/simple"
REGISTRY_URL = f"https://{MIRROR}:{REGISTRY_PORT}"
#: Registries besides docker.io that the lab's has copies of.
REGISTRIES = ("ghcr.io",)
APT_COMPONENTS = ("main", "non-free-firmware")
AMD_URL = f"https://{MIRROR}/amd"
#: Where each of AMD's repositories lies below AMD_URL, by id in support/repositories.yml: what is its `base_url` at AMD's.
AMD_FOLDERS = {"amdgpu": "amdgpu", "rocm": "rocm", "graphics": "graphics", "core": "core/packages"}
#: Where AMD has its keys, below AMD_URL.
AMD_KEY_FILES = ("rocm/rocm.gpg.key", "core/gpg/packages.gpg")
#: In each suite of AMD's in the mirror: what its Release file says.
AMD_RELEASE_CONF = "release.conf"
#: Where the mirror has the archives of Ollama's releases, and their digests beside them.
RELEASES_DIR = "/srv/ollama"
RELEASES_URL = f"https://{MIRROR}/ollama"
DIGESTS = "sha256sum.txt"
#: The registry of models that the mirror answers for, and the model that it has.
MODEL_REGISTRY = "registry.ollama.ai"
MODEL = "gpuhost-lab-tiny"


def amd_url(repository: str, variant: str | None = None) -> str:
    """The address of a stand-in for one of AMD's repositories, as `sources_amd_…_url` takes it.

    :param variant: a driver with a trouble, of :func:`control.lab.amd_driver.variants`; only for ``amdgpu``.
    """
    return "/".join([AMD_URL, *([variant] if variant else []), AMD_FOLDERS[repository]])


def labels(**more: str) -> dict[str, str]:
    """Labels of an object of this lab; keyword arguments use the constants above as keys via ``**{…}``."""
    return {LABEL: "1", **more}


def home() -> dict[str, str]:
    return {HOME_LABEL: str(Path(LAB_DIR))}
