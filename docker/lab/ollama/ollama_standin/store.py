"""Models on disk in Ollama's own layout.

`manifests/<registry>/<namespace>/<model>/<tag>` and `blobs/sha256-<hex>`.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .registry import Registry, RegistryError

LAYER = "application/vnd.ollama.image."
MODEL_LAYER, LICENSE_LAYER, SYSTEM_LAYER, PARAMETERS_LAYER = (
    f"{LAYER}{kind}" for kind in ("model", "license", "system", "params")
)
CONFIG = "application/vnd.docker.container.image.v1+json"
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
    system: str
    parameters: dict[str, Any]

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
    """The models folder `root`, filled by pulls from registries.

    :param registry: what fetches for a name, in the place of the one that the name means.
    """

    def __init__(self, root: Path, registry: Callable[[Name], Registry] | None = None) -> None:
        self.root = root
        self._registry = registry or (lambda name: Registry(f"https://{name.registry}/v2/{name.namespace}/{name.model}"))
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._completed: dict[str, int] = {}
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
            license=self._text(manifest, LICENSE_LAYER),
            system=self._text(manifest, SYSTEM_LAYER),
            parameters=json.loads(self._text(manifest, PARAMETERS_LAYER) or "{}"),
        )

    def create(self, name: Name, base: Name, system: str | None, parameters: dict[str, Any]) -> Iterator[dict[str, object]]:
        """A model with the layers of another, its own system prompt and parameters; yields Ollama's progress objects."""
        manifest = json.loads((self.root / base.path).read_bytes())
        kept = [one for one in manifest["layers"] if one["mediaType"] not in (SYSTEM_LAYER, PARAMETERS_LAYER)]
        texts = {
            SYSTEM_LAYER: self._text(manifest, SYSTEM_LAYER) if system is None else system,
            PARAMETERS_LAYER: _json({**json.loads(self._text(manifest, PARAMETERS_LAYER) or "{}"), **parameters}),
        }
        made = [self._keep(text.encode(), kind) for kind, text in texts.items() if text not in ("", "{}")]
        for layer in kept:
            yield {"status": f"using existing layer {layer['digest']}"}
        for layer in made:
            yield {"status": f"writing layer {layer['digest']}"}
        config = json.loads(self._blob(manifest["config"]["digest"]).read_text(encoding="utf-8"))
        config["rootfs"] = {"type": "layers", "diff_ids": [layer["digest"] for layer in [*kept, *made]]}
        document = {**manifest, "layers": [*kept, *made], "config": self._keep(_json(config).encode(), CONFIG)}
        yield {"status": "writing manifest"}
        self._write_manifest(name, _json(document).encode())
        yield {"status": "success"}

    def copy(self, source: Name, destination: Name) -> None:
        """The model has another name as well; FileNotFoundError if there is none."""
        self._write_manifest(destination, (self.root / source.path).read_bytes())

    def _write_manifest(self, name: Name, data: bytes) -> None:
        path = self.root / name.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def _keep(self, data: bytes, media_type: str) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self._blob(digest).write_bytes(data)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def _text(self, manifest: dict[str, Any], media_type: str) -> str:
        """A layer's content, empty where the model has none of that kind."""
        found = [layer["digest"] for layer in manifest["layers"] if layer["mediaType"] == media_type]
        return self._blob(found[0]).read_text(encoding="utf-8") if found else ""

    def pull(self, name: Name) -> Iterator[dict[str, object]]:
        """Fetch the model and yield Ollama's progress objects; what was there is kept."""
        yield {"status": "pulling manifest"}
        registry = self._registry(name)
        try:
            data = registry.manifest(name.tag)
            manifest, fetched = json.loads(data), []
            for part in _parts(manifest):
                line = {"status": f"pulling {part['digest'][7:19]}", "digest": part["digest"], "total": part["size"]}
                # As Ollama: what was here is not checked again.
                fetched += [] if self._blob(part["digest"]).exists() else [part["digest"]]
                for completed in self._download(registry, part["digest"], part["size"]):
                    yield {**line, "completed": completed} if completed else line
        except RegistryError as error:
            raise ApiError(500, str(error)) from error
        yield {"status": "verifying sha256 digest"}
        for digest in fetched:
            self._verify(digest)
        yield {"status": "writing manifest"}
        self._write_manifest(name, data)
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

    def _download(self, registry: Registry, digest: str, total: int) -> Iterator[int]:
        """Yield the bytes present until all are; of two pulls at once, one fetches and both see it."""
        blob = self._blob(digest)
        while not blob.exists():
            yield self._completed.get(digest, 0)
            if not self._locks[digest].acquire(timeout=0.1):
                continue
            try:
                if not blob.exists():
                    for completed in registry.fetch(digest, total, blob):
                        self._completed[digest] = completed
                        yield completed
            finally:
                self._completed.pop(digest, None)
                self._locks[digest].release()
        yield total

    def _verify(self, digest: str) -> None:
        blob = self._blob(digest)
        got = f"sha256:{hashlib.sha256(blob.read_bytes()).hexdigest()}"
        if got != digest:
            blob.unlink()
            raise ApiError(500, f"digest mismatch, file must be downloaded again: want {digest}, got {got}")


def _json(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))


def _parts(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [*manifest["layers"], manifest["config"]]


def _digests(path: Path) -> set[str]:
    return {part["digest"] for part in _parts(json.loads(path.read_bytes()))}


def _layer(manifest: dict[str, Any], media_type: str) -> str:
    return str(next(layer["digest"] for layer in manifest["layers"] if layer["mediaType"] == media_type))
