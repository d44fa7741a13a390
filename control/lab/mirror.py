"""The mirror: one container that stands in for the Debian archive, PyPI and docker.io."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address

import docker
import requests
from docker.errors import NotFound
from docker.models.containers import Container

from control.lab import digest, names
from control.lab.errors import LabError
from control.lab.files import File, archive
from control.lab.keys import Authority, write_private

_SECRET = names.APT_DIR / "secret.asc"
_FINGERPRINT = names.APT_DIR / "fingerprint"
_READY_S = 20.0


def up(client: docker.DockerClient, image: str, address: IPv4Address, releases: Sequence[int]) -> bool:
    """The mirror runs from this image at this address and answers; True if it was started now."""
    ensure_apt_key(client, image)
    authority = Authority(names.CA_DIR)
    authority.ensure()
    wanted = digest.of(image, str(address), authority.certificate.read_text(), apt_fingerprint())
    container = find(client)
    if container is not None and container.labels.get(names.INPUT_LABEL) != wanted:
        container.remove(force=True, v=True)
        container = None
    if container is not None and container.status == "running":
        return False
    if container is None:
        labels = {names.INPUT_LABEL: wanted, names.RELEASES_LABEL: " ".join(map(str, releases))}
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
    container = find(client)
    return {int(one) for one in container.labels.get(names.RELEASES_LABEL, "").split()} if container else set()


def has_apt_key() -> bool:
    return _SECRET.is_file() and names.APT_KEY.is_file() and _FINGERPRINT.is_file()


def apt_fingerprint() -> str:
    """Fingerprint of the key that signs the lab's archive (40 hexadecimal digits)."""
    return _FINGERPRINT.read_text().strip()


def ensure_apt_key(client: docker.DockerClient, image: str) -> None:
    """`.lab/apt` has a signing key, its public half and its fingerprint. gpg runs in the mirror's image."""
    if has_apt_key():
        return
    secret, public, fingerprint = make_apt_key(client, image)
    write_private(_SECRET, secret)
    names.APT_KEY.write_text(public)
    _FINGERPRINT.write_text(f"{fingerprint}\n")


def make_apt_key(client: docker.DockerClient, image: str) -> tuple[str, str, str]:
    """A new signing key: secret and public half, armoured, and the fingerprint."""
    mark = "-----gpuhost-----"
    script = f"""
        export GNUPGHOME=$(mktemp -d)
        gpg --batch --quiet --passphrase '' --quick-gen-key 'gpuhost lab archive (a stand-in)' rsa3072 sign never
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
    certificate, key = authority.server([names.MIRROR, "localhost", str(address), "127.0.0.1"])
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
                "etc/gpuhost-lab/apt-secret.asc": File(_SECRET.read_text(), mode=0o600),
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
