"""Troubles with the lab's registry of models, made in the mirror and taken away again; used as those of :mod:`faults`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from docker.models.containers import Container

from control.lab import faults, names
from control.lab.files import File, archive

_ROOT = "/srv/models"
_LOG = "/var/log/nginx/models.log"
_SETTINGS = "/etc/gpuhost-lab/models-fault.conf"
_WEIGHTS = "application/vnd.ollama.image.model"


@dataclass(frozen=True)
class LargeModel:
    """A model of the registry that takes its time to come: the tiny one with so many bytes behind it."""

    name: str
    weights: str
    size: int


@contextmanager
def large_model(size_bytes: int, name: str = "gpuhost-lab-large") -> Iterator[LargeModel]:
    """The registry also has a model of about this size; llama.cpp loads it as it does the tiny one."""
    mirror = faults.mirror_container()
    document = json.loads(faults.must(mirror, ["cat", _manifest(names.MODEL)]))
    tiny = next(one for one in document["layers"] if one["mediaType"] == _WEIGHTS)
    blob = f"{_ROOT}/blobs/{name}"
    script = f"cp {_blob(tiny['digest'])} {blob} && truncate -s {size_bytes} {blob} && sha256sum {blob} | cut -d' ' -f1"
    digest = f"sha256:{faults.must(mirror, ['sh', '-euc', script]).strip()}"
    faults.must(mirror, ["mv", blob, _blob(digest)])
    tiny.update(digest=digest, size=size_bytes)
    folder = _manifest(name).rpartition("/")[0]
    faults.must(mirror, ["mkdir", "-p", folder])
    mirror.put_archive("/", archive({_manifest(name).lstrip("/"): File(json.dumps(document))}))
    try:
        yield LargeModel(name, digest, size_bytes)
    finally:
        faults.must(mirror, ["rm", "-rf", folder, _blob(digest)])


@contextmanager
def slow_models(bytes_per_s: int) -> Iterator[None]:
    """The files of models come no faster than this, for each connection."""
    with _settings(faults.mirror_container(), f"limit_rate {bytes_per_s};"):
        yield


@contextmanager
def models_cut_off() -> Iterator[None]:
    """What is on its way breaks off, and nothing more of a model's file comes."""
    mirror = faults.mirror_container()
    with _settings(mirror, "return 444;"):
        drop_downloads()
        yield


def drop_downloads() -> None:
    """Every connection to the mirror's web server is dropped, once; what comes after it is served."""
    mirror = faults.mirror_container()
    # The master starts others; a reload would let those at work finish.
    workers = "grep -l '[n]ginx: worker' /proc/[0-9]*/cmdline | cut -d/ -f3"
    faults.must(mirror, ["sh", "-euc", f"kill -9 $({workers})"])


@contextmanager
def lying_registry(digest: str) -> Iterator[None]:
    """Under this digest the registry hands out something else of the same size."""
    mirror, blob = faults.mirror_container(), _blob(digest)
    spoil = f"cp {blob} {blob}.true && printf spoiled | dd of={blob} bs=1 seek=4096 conv=notrunc status=none"
    faults.must(mirror, ["sh", "-euc", spoil])
    try:
        yield
    finally:
        faults.must(mirror, ["mv", f"{blob}.true", blob])


def served(digest: str) -> list[tuple[int, int, int]]:
    """Each answer about a model's file: its status, the place it began at, and the bytes that went out."""
    lines = faults.must(faults.mirror_container(), ["cat", _LOG]).splitlines()
    found = [line.split() for line in lines if line.startswith(f"/models/{digest} ")]
    return [(int(status), _start(asked.strip('"')), int(sent)) for _, status, asked, sent in found]


def weights_of(name: str) -> tuple[str, int]:
    """Digest and size of the file of a model in the registry."""
    document = json.loads(faults.must(faults.mirror_container(), ["cat", _manifest(name)]))
    found = next(one for one in document["layers"] if one["mediaType"] == _WEIGHTS)
    return str(found["digest"]), int(found["size"])


def manifest_digest(name: str) -> str:
    """What Ollama says that a model of the registry is."""
    return hashlib.sha256(faults.must(faults.mirror_container(), ["cat", _manifest(name)]).encode()).hexdigest()


@contextmanager
def _settings(mirror: Container, text: str) -> Iterator[None]:
    mirror.put_archive("/", archive({_SETTINGS.lstrip("/"): File(f"{text}\n")}))
    try:
        faults.must(mirror, ["nginx", "-s", "reload"])
        yield
    finally:
        faults.must(mirror, ["rm", "-f", _SETTINGS])
        faults.must(mirror, ["nginx", "-s", "reload"])


def _start(asked: str) -> int:
    return int(asked.removeprefix("bytes=").partition("-")[0]) if asked.startswith("bytes=") else 0


def _manifest(name: str) -> str:
    model, _, tag = name.partition(":")
    return f"{_ROOT}/manifests/{names.MODEL_REGISTRY}/library/{model}/{tag or 'latest'}"


def _blob(digest: str) -> str:
    return f"{_ROOT}/blobs/{digest.replace(':', '-')}"
