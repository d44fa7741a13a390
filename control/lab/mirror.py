"""The mirror: one container that stands in for the Debian archive, AMD's repositories, PyPI and docker.io."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import docker
import requests
from docker.errors import NotFound
from docker.models.containers import Container

from control import support
from control.lab import digest, hosts, names
from control.lab.errors import LabError
from control.lab.files import File, archive
from control.lab.keys import Authority, write_private

_READY_S = 20.0


@dataclass(frozen=True)
class SigningKey:
    """A key that signs archives of the mirror: its secret half, its public half and its fingerprint are files of `.lab`."""

    public: Path
    of: str

    @property
    def secret(self) -> Path:
        return self.public.parent / "secret.asc"

    @property
    def _fingerprint(self) -> Path:
        return self.public.parent / "fingerprint"

    def exists(self) -> bool:
        return self.secret.is_file() and self.public.is_file() and self._fingerprint.is_file()

    def fingerprint(self) -> str:
        """40 hexadecimal digits."""
        return self._fingerprint.read_text().strip()

    def ensure(self, client: docker.DockerClient, image: str) -> None:
        """The key exists. gpg runs in the mirror's image."""
        if self.exists():
            return
        secret, public, fingerprint = make_apt_key(client, image, self.of)
        write_private(self.secret, secret)
        self.public.write_text(public)
        self._fingerprint.write_text(f"{fingerprint}\n")


_APT = SigningKey(names.APT_KEY, "gpuhost lab archive (a stand-in)")
_AMD = SigningKey(names.AMD_KEY, "gpuhost lab: a stand-in for AMD")


def up(
    client: docker.DockerClient, image: str, address: IPv4Address, releases: Sequence[int], kernels: Sequence[int] = ()
) -> bool:
    """The mirror runs from this image at this address and answers; True if it was started now.

    :param releases: Debian releases that the image has; ``kernels``: those of which it has kernels.
    """
    ensure_keys(client, image)
    authority = Authority(names.CA_DIR)
    authority.ensure()
    wanted = digest.of(image, str(address), authority.certificate.read_text(), apt_fingerprint(), amd_fingerprint())
    container = find(client)
    if container is not None and container.labels.get(names.INPUT_LABEL) != wanted:
        container.remove(force=True, v=True)
        container = None
    if container is not None and container.status == "running":
        return False
    if container is None:
        labels = {
            names.INPUT_LABEL: wanted,
            names.RELEASES_LABEL: " ".join(map(str, releases)),
            names.KERNELS_LABEL: " ".join(map(str, kernels)),
        }
        container = _create(client, image, address, authority, labels)
    container.start()
    wait_ready(container, address)
    return True


def find(client: docker.DockerClient) -> Container | None:
    try:
        return client.containers.get(names.MIRROR)
    except NotFound:
        return None


def releases(client: docker.DockerClient) -> set[int]:
    """Debian releases that the mirror has: it keeps them while it lives, so that hosts may come and go."""
    return _labelled(client, names.RELEASES_LABEL)


def kernels(client: docker.DockerClient) -> set[int]:
    """Debian releases whose kernels the mirror has; kept as :func:`releases` are."""
    return _labelled(client, names.KERNELS_LABEL)


def _labelled(client: docker.DockerClient, label: str) -> set[int]:
    container = find(client)
    return {int(one) for one in container.labels.get(label, "").split()} if container else set()


def program_digests(client: docker.DockerClient) -> dict[str, str]:
    """sha256 of each archive of Ollama's release that the mirror has, by name; empty where there is no mirror."""
    container = find(client)
    if container is None or container.status != "running":
        return {}
    row = support.load().program("ollama")
    code, said = hosts.inside(container, ["cat", f"{names.RELEASES_DIR}/v{row.version}/{names.DIGESTS}"])
    lines = [line.split() for line in said.splitlines()] if code == 0 else []
    return {name.removeprefix("./"): digest for digest, name in lines}


def has_apt_key() -> bool:
    return _APT.exists() and _AMD.exists()


def apt_fingerprint() -> str:
    """Fingerprint of the key that signs the lab's archive (40 hexadecimal digits)."""
    return _APT.fingerprint()


def amd_fingerprint() -> str:
    """Fingerprint of the key that stands in for AMD's (40 hexadecimal digits)."""
    return _AMD.fingerprint()


def ensure_keys(client: docker.DockerClient, image: str) -> None:
    """`.lab` has the keys that sign the lab's archives."""
    _APT.ensure(client, image)
    _AMD.ensure(client, image)


def make_apt_key(client: docker.DockerClient, image: str, of: str = _APT.of) -> tuple[str, str, str]:
    """A new signing key: secret and public half, armoured, and the fingerprint."""
    mark = "-----gpuhost-----"
    script = f"""
        export GNUPGHOME=$(mktemp -d)
        gpg --batch --quiet --passphrase '' --quick-gen-key '{of}' rsa3072 sign never
        gpg --batch --quiet --armor --export-secret-keys; echo '{mark}'
        gpg --batch --quiet --armor --export; echo '{mark}'
        gpg --batch --with-colons --list-keys | awk -F: '$1 == "fpr" {{print $10; exit}}'
    """
    said = client.containers.run(
        image, ["sh", "-euc", script], remove=True, labels=names.labels(**names.home()), network_mode="none", stderr=False
    )
    secret, public, fingerprint = (part.strip() for part in said.decode().split(mark))
    return f"{secret}\n", f"{public}\n", fingerprint


def _create(
    client: docker.DockerClient, image: str, address: IPv4Address, authority: Authority, labels: Mapping[str, str]
) -> Container:
    called = [names.MIRROR, names.MODEL_REGISTRY, "localhost", str(address), "127.0.0.1"]
    certificate, key = authority.server(called)
    networking = {names.NETWORK: client.api.create_endpoint_config(ipv4_address=str(address))}
    container = client.containers.create(
        image,
        name=names.MIRROR,
        hostname=names.MIRROR,
        network=names.NETWORK,
        networking_config=networking,
        labels=names.labels(**names.home(), **labels),
    )
    container.put_archive(
        "/",
        archive(
            {
                "etc/gpuhost-lab/tls.crt": File(certificate),
                "etc/gpuhost-lab/tls.key": File(key, mode=0o600),
                "etc/gpuhost-lab/apt-secret.asc": File(_APT.secret.read_text(), mode=0o600),
                "etc/gpuhost-lab/amd-secret.asc": File(_AMD.secret.read_text(), mode=0o600),
                **{f"srv/amd/{path}": File(_AMD.public.read_text()) for path in names.AMD_KEY_FILES},
            }
        ),
    )
    return container


def wait_ready(container: Container, address: IPv4Address) -> None:
    """All its servers answer, with the lab's certificate. Raises LabError with the container's last words."""
    urls = [f"https://{address}/pypi/simple/", f"https://{address}:{names.REGISTRY_PORT}/v2/"]
    deadline = time.monotonic() + _READY_S
    while True:
        try:
            for url in urls:
                requests.get(url, timeout=2, verify=str(names.CA_CERTIFICATE)).raise_for_status()
            return
        except requests.RequestException as problem:
            if time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            words = container.logs(tail=8).decode(errors="replace").strip()
            raise LabError(
                f"{names.MIRROR} does not answer: {problem}\n    its last words: {words}",
                "the lab's hosts get every package, wheel and image from it",
                f"docker logs {names.MIRROR}; ./gpuhost lab.down; ./gpuhost lab.up",
            ) from problem
