"""Ollama's folder of models: manifests by name, blobs by digest, in the layout that Ollama itself has on disk.

A manifest is what a registry has under the name (docker distribution, manifest v2 schema 2); Ollama's digest of a model is
the sha256 of its manifest.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from . import model_names

WEIGHTS = "application/vnd.ollama.image.model"
PARAMETERS = "application/vnd.ollama.image.params"
SYSTEM = "application/vnd.ollama.image.system"
#: What is loaded: the weights, and what takes memory beside them as they do.
LOADED = (WEIGHTS, *(f"application/vnd.ollama.image.{kind}" for kind in ("adapter", "draft", "projector", "tensor")))
DIGEST = "sha256:"
#: What the name of a blob that is on its way ends in: fetched by Ollama, or copied from another host of the site.
OLLAMAS_PART, OUR_PART = "-partial", "-gpuhost"


class Store:
    """One folder of models. Methods raise :class:`OSError` for what cannot be read."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def names(self) -> list[str]:
        """Every model that has a manifest here, as Ollama lists it."""
        top = self.folder / "manifests"
        found = (path.relative_to(top).as_posix() for path in top.glob("*/*/*/*") if path.is_file())
        return sorted(model_names.of_manifest(path) for path in found)

    def manifest(self, name: str) -> bytes | None:
        """The manifest of a model, or None where there is no such model."""
        try:
            return self.manifest_path(name).read_bytes()
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None

    def manifest_path(self, name: str) -> Path:
        """Where the manifest of a model lies, also where it is there in another case; or where it would.

        :raises ValueError: for a text that is no model's name.
        """
        path = self.folder / model_names.parse(name).manifest
        there = None if path.exists() else model_names.among(name, self.names())
        return self.folder / model_names.parse(there).manifest if there else path

    def blob(self, digest: str) -> Path:
        """Where the blob lies, or would.

        :raises ValueError: for a text that is no digest: it could lead anywhere.
        """
        hexadecimal = digest[len(DIGEST) :]
        if not digest.startswith(DIGEST) or len(hexadecimal) != 64 or set(hexadecimal) - set("0123456789abcdef"):
            raise ValueError(f"{digest[:80]!r} is no digest of a blob")
        return self.folder / "blobs" / f"sha256-{hexadecimal}"

    def settings(self, manifest: bytes) -> dict[str, Any]:
        """`{weights, system, parameters}` of a model: the digest of its weights, and what its texts say.

        :raises ValueError: for a text that is no manifest of a model, or whose parameters do not read.
        """
        by_kind = {layer["mediaType"]: layer["digest"] for layer in layers(manifest)}
        parameters = self._text(by_kind.get(PARAMETERS))
        return {
            "weights": by_kind.get(WEIGHTS),
            "system": self._text(by_kind.get(SYSTEM)),
            "parameters": json.loads(parameters) if parameters else {},
        }

    def _text(self, digest: str | None) -> str:
        if digest is None or not self.blob(digest).exists():
            return ""
        return self.blob(digest).read_text(encoding="utf-8")

    def has(self, layer: dict[str, Any]) -> bool:
        """Whether the layer is here in its full size."""
        try:
            return self.blob(layer["digest"]).stat().st_size == layer["size"]
        except (OSError, ValueError):
            return False

    def missing(self, layer: dict[str, Any]) -> int:
        """How many bytes of the layer are still to come: a fetch that broke off goes on where it was."""
        if self.has(layer):
            return 0
        try:
            blob = self.blob(layer["digest"])
        except ValueError:
            return int(layer["size"])
        return max(int(layer["size"]) - max(_ollamas_part(blob), _our_part(blob)), 0)


def _ollamas_part(blob: Path) -> int:
    """What Ollama has of a blob. Its file has the full size from the start; how far it came stands in files beside it."""
    return sum(_completed(path) for path in blob.parent.glob(f"{blob.name}{OLLAMAS_PART}-*"))


def _completed(path: Path) -> int:
    try:
        return max(int(json.loads(path.read_bytes())["Completed"]), 0)
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _our_part(blob: Path) -> int:
    try:
        return blob.with_name(f"{blob.name}{OUR_PART}").stat().st_size
    except OSError:
        return 0


def digest(data: bytes) -> str:
    """The digest of a text, as manifests write it."""
    return DIGEST + hashlib.sha256(data).hexdigest()


def layers(manifest: bytes) -> list[dict[str, Any]]:
    """All that a manifest names, its configuration first: `[{digest, size, mediaType}]`, each once.

    :raises ValueError: for a text that is no manifest of a model.
    """
    found: dict[str, dict[str, Any]] = {}
    try:
        document = json.loads(manifest)
        for one in [document["config"], *document["layers"]]:
            found.setdefault(one["digest"], {key: one[key] for key in ("digest", "size", "mediaType")})
        if not all(isinstance(one["size"], int) and one["size"] >= 0 for one in found.values()):
            raise ValueError("a size is no number")
    except (KeyError, TypeError, ValueError) as problem:
        raise ValueError(f"no manifest of a model: {problem}") from problem
    return list(found.values())
