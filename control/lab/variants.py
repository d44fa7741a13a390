"""Images of the lab's registry with a trouble: the same layers under another configuration.

Each answers below its own name: ``never-healthy/ollama/ollama:rocm``. A site's copy of a registry has such a name in front.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import requests

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_SECONDS = 30
#: On every variant: which it is.
LABEL = "org.gpuhost.lab.variant"

Config = dict[str, Any]


def _newer(config: Config) -> None:
    """The same program: what an upgrade brings when all is well."""


def _never_healthy(config: Config) -> None:
    said = "gpuhost lab: this image starts, and never answers"
    config["config"].update(Entrypoint=["/bin/sh", "-c", f"echo '{said}'; exec sleep 1000000"], Cmd=None)


def _other_architecture(config: Config) -> None:
    config["architecture"] = "arm64"


#: Name -> what is changed in the configuration.
VARIANTS: dict[str, Callable[[Config], None]] = {
    "newer": _newer,
    "never-healthy": _never_healthy,
    "other-architecture": _other_architecture,
}


def add(registry: str, name: str) -> None:
    """The registry at this address has every variant of an image that it has.

    :param registry: ``http://127.0.0.1:5000``.
    :param name: ``ollama/ollama:rocm``.
    :raises requests.HTTPError: where it refuses.
    """
    repository, _, tag = name.rpartition(":")
    manifest = _get(f"{registry}/v2/{repository}/manifests/{tag}").json()
    config = _get(f"{registry}/v2/{repository}/blobs/{manifest['config']['digest']}").json()
    for variant, change in VARIANTS.items():
        changed = json.loads(json.dumps(config))
        changed["config"].setdefault("Labels", {})[LABEL] = variant
        change(changed)
        _put(registry, f"{variant}/{repository}", tag, repository, manifest, json.dumps(changed).encode())


def _put(registry: str, to: str, tag: str, source: str, manifest: Config, config: bytes) -> None:
    for layer in manifest["layers"]:
        where = {"mount": layer["digest"], "from": source}
        requests.post(f"{registry}/v2/{to}/blobs/uploads/", params=where, timeout=_SECONDS).raise_for_status()
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    begun = requests.post(f"{registry}/v2/{to}/blobs/uploads/", timeout=_SECONDS)
    begun.raise_for_status()
    sent = requests.put(begun.headers["Location"], params={"digest": digest}, data=config, timeout=_SECONDS)
    sent.raise_for_status()
    own = {**manifest["config"], "digest": digest, "size": len(config)}
    body = json.dumps({**manifest, "config": own}).encode()
    kept = requests.put(
        f"{registry}/v2/{to}/manifests/{tag}", data=body, headers={"Content-Type": _MANIFEST}, timeout=_SECONDS
    )
    kept.raise_for_status()


def _get(url: str) -> requests.Response:
    answer = requests.get(url, headers={"Accept": _MANIFEST}, timeout=_SECONDS)
    answer.raise_for_status()
    return answer
