"""Models on disk in Ollama's own layout.

`manifests/<registry>/<namespace>/<model>/<tag>` and `blobs/sha256-<hex>`.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

MODEL_LAYER = "application/vnd.ollama.image.model"
LICENSE_LAYER = "application/vnd.ollama.image.license"
CHUNK = 256 * 1024  # bytes between two progress lines of an unlimited pull
_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_NAME = re.compile(
    rf"(?:(?:(?P<registry>{_PART}(?::\d+)?)/)?(?P<namespace>{_PART})/)?(?P<model>{_PART})(?::(?P<tag>{_PART}))?"
)


class ApiError(Exception):
    """An answer of the API that is an error: status and the text of its `error` field."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Name:
    """A model name with its defaults filled in."""

    registry: str
    namespace: str
    model: str
    tag: str

    @classmethod
    def parse(cls, text: object) -> Name:
        match = _NAME.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ApiError(400, "invalid model name")
        defaults = {"registry": "registry.ollama.ai", "namespace": "library", "tag": "latest"}
        return cls(**{**defaults, **{key: value for key, value in match.groupdict().items() if value}})

    @property
    def path(self) -> Path:
        return Path("manifests", self.registry, self.namespace, self.model, self.tag)

    @property
    def short(self) -> str:
        """As Ollama shows it: without what is the default."""
        plain = self.registry == "registry.ollama.ai"
        prefix = "" if plain and self.namespace == "library" else f"{self.namespace}/"
        return ("" if plain else f"{self.registry}/") + prefix + f"{self.model}:{self.tag}"


@dataclass(frozen=True)
class Model:
    """A model that is completely on disk."""

    name: Name
    digest: str
    size: int
    modified_at: str
    config: dict[str, Any]
    weights: Path
    license: str

    @property
    def details(self) -> dict[str, object]:
        return {
            "parent_model": "",
            "format": self.config["model_format"],
            "family": self.config["model_family"],
            "families": self.config["model_families"],
            "parameter_size": self.config["model_type"],
            "quantization_level": self.config["file_type"],
        }


class Store:
    """The models folder `root`, filled by pulls from `library`, which stands in for the registry."""

    def __init__(self, root: Path, library: Path, pull_bytes_per_s: int = 0) -> None:
        self.root, self.library, self.rate = root, library, pull_bytes_per_s
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        (root / "blobs").mkdir(parents=True, exist_ok=True)
        (root / "manifests").mkdir(exist_ok=True)

    def models(self) -> list[Model]:
        """Every model on disk, the newest first."""
        found = (path.relative_to(self.root).parts[1:] for path in self.root.glob("manifests/*/*/*/*"))
        return sorted((self.model(Name(*parts)) for parts in found), key=lambda model: model.modified_at, reverse=True)

    def model(self, name: Name) -> Model:
        """The model, or a FileNotFoundError."""
        path = self.root / name.path
        data = path.read_bytes()
        manifest = json.loads(data)
        return Model(
            name=name,
            digest=hashlib.sha256(data).hexdigest(),
            size=sum(part["size"] for part in _parts(manifest)),
            modified_at=datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(),
            config=json.loads(self._blob(manifest["config"]["digest"]).read_text(encoding="utf-8")),
            weights=self._blob(_layer(manifest, MODEL_LAYER)),
            license=self._blob(_layer(manifest, LICENSE_LAYER)).read_text(encoding="utf-8"),
        )

    def pull(self, name: Name) -> Iterator[dict[str, object]]:
        """Copy the model out of the library and yield Ollama's progress objects; what was there is kept."""
        yield {"status": "pulling manifest"}
        source = self.library / name.path
        if not source.is_file():
            raise ApiError(500, "pull model manifest: file does not exist")
        manifest = json.loads(source.read_bytes())
        for part in _parts(manifest):
            line = {
                "status": f"pulling {part['digest'][7:19]}",
                "digest": part["digest"],
                "total": part["size"],
            }
            for completed in self._download(part["digest"], part["size"]):
                yield {**line, "completed": completed} if completed else line
        yield {"status": "verifying sha256 digest"}
        for part in _parts(manifest):
            self._verify(part["digest"])
        yield {"status": "writing manifest"}
        target = self.root / name.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        yield {"status": "success"}

    def delete(self, name: Name) -> None:
        """Take away the model and the blobs that no other model uses; FileNotFoundError if there is none."""
        path = self.root / name.path
        gone = _digests(path)
        path.unlink()
        used = {digest for other in self.root.glob("manifests/*/*/*/*") for digest in _digests(other)}
        for digest in gone - used:
            self._blob(digest).unlink()

    def _blob(self, digest: str) -> Path:
        return self.root / "blobs" / digest.replace(":", "-")

    def _download(self, digest: str, total: int) -> Iterator[int]:
        """Yield the bytes present until all are; of two pulls at once, one copies and both see it."""
        blob = self._blob(digest)
        partial = blob.with_name(f"{blob.name}-partial")
        while not blob.exists():
            yield partial.stat().st_size if partial.exists() else 0
            if not self._locks[digest].acquire(timeout=0.1):
                continue
            try:
                if not blob.exists():
                    yield from self._copy(self.library / "blobs" / blob.name, partial)
                    partial.rename(blob)
            finally:
                self._locks[digest].release()
        yield total

    def _copy(self, source: Path, partial: Path) -> Iterator[int]:
        chunk = min(CHUNK, max(1, self.rate // 10)) if self.rate else CHUNK
        with source.open("rb") as reader, partial.open("ab") as writer:
            reader.seek(writer.tell())
            while data := reader.read(chunk):
                writer.write(data)
                writer.flush()
                yield writer.tell()
                if self.rate:
                    time.sleep(len(data) / self.rate)

    def _verify(self, digest: str) -> None:
        blob = self._blob(digest)
        got = f"sha256:{hashlib.sha256(blob.read_bytes()).hexdigest()}"
        if got != digest:
            blob.unlink()
            raise ApiError(500, f"digest mismatch, file must be downloaded again: want {digest}, got {got}")


def _parts(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [*manifest["layers"], manifest["config"]]


def _digests(path: Path) -> set[str]:
    return {part["digest"] for part in _parts(json.loads(path.read_bytes()))}


def _layer(manifest: dict[str, Any], media_type: str) -> str:
    return str(next(layer["digest"] for layer in manifest["layers"] if layer["mediaType"] == media_type))
