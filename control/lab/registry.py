"""A registry's storage as an image: what the mirror answers with for docker.io."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping

import docker
import requests

from control.lab import names, variants


def fill(client: docker.DockerClient, server: str, content: Mapping[str, str], tag: str) -> None:
    """An image ``tag`` has a registry's storage with ``content`` (name on docker.io -> local image) in it, and its variants.

    The images are pushed to a registry that listens on 127.0.0.1 for that long: Docker takes those without TLS.
    """
    container = client.containers.run(
        server,
        ["docker-registry", "serve", "/etc/gpuhost-lab/registry-plain.yml"],
        detach=True,
        name=f"{names.PREFIX}fill-{secrets.token_hex(3)}",
        labels=names.labels(**names.home()),
        ports={f"{names.REGISTRY_PORT}/tcp": ("127.0.0.1", 0)},
    )
    try:
        container.reload()
        (listens,) = container.ports[f"{names.REGISTRY_PORT}/tcp"] or []
        port = listens["HostPort"]
        _wait(port)
        for name, image in content.items():
            _push(client, image, f"127.0.0.1:{port}/{on_docker_io(name)}")
            variants.add(f"http://127.0.0.1:{port}", on_docker_io(name))
        container.stop(timeout=5)
        repository, _, version = tag.rpartition(":")
        container.commit(repository, version, changes=f"LABEL {names.LABEL}=1")
    finally:
        container.remove(force=True, v=True)


def on_docker_io(name: str) -> str:
    """The path that a name has in the lab's registry: `python:3.11` is `library/python:3.11`, as on docker.io, and
    `ghcr.io/…` stays as it is: a copy of that registry, which `sources_registries` names.
    """
    return name if "/" in name else f"library/{name}"


def _wait(port: str) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            requests.get(f"http://127.0.0.1:{port}/v2/", timeout=1).raise_for_status()
            return
        except requests.RequestException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _push(client: docker.DockerClient, image: str, target: str) -> None:
    client.images.get(image).tag(target)
    try:
        for line in client.images.push(target, stream=True, decode=True):
            if "error" in line:
                raise RuntimeError(f"docker push {target}: {line['error']}")
    finally:
        client.images.remove(target, noprune=True)
