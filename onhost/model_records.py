"""Which models on this host are gpuhost's: fetched or made by it, each with the digest it had then.

A model that was here before, and one that somebody put in the place of ours, is somebody else's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import files, paths
from .clock import now
from .siblings import model_names

SCHEMA = 1

Record = dict[str, Any]


def read() -> dict[str, Record]:
    """`{name: {how: "pull" | "copy" | "preset", digest, at, …}}`; digests in hexadecimal digits."""
    document = files.read_json(paths.models()) or {}
    found: dict[str, Record] = document.get("models", {})
    return found


def of(name: str) -> Record:
    """What is known of the model that Ollama takes this name for; empty where that is nothing."""
    records = read()
    return records.get(model_names.among(name, records) or "", {})


def server() -> dict[str, str]:
    """`{url, folder}` of the Ollama that gpuhost brought to this host; empty where it never got to its models."""
    document = files.read_json(paths.models()) or {}
    found: dict[str, str] = document.get("server", {})
    return found


def note_server(url: str, folder: str) -> None:
    """This host's Ollama answers there, and keeps its models there."""
    wanted = {"url": url, "folder": folder}
    if server() != wanted:
        with files.locked(_lock()):
            _write(read(), wanted)


def note(name: str, how: str, digest: str, **more: Any) -> None:
    """The model is gpuhost's from now on."""
    with files.locked(_lock()):
        _write({**_without(name), name: {"how": how, "digest": digest, "at": now(), **more}})


def forget(name: str) -> None:
    """Nothing is known of the model."""
    with files.locked(_lock()):
        _write(_without(name))


def ours(name: str, digest: str) -> bool:
    """Whether the model of this name with this digest is what gpuhost brought."""
    return of(name).get("digest") == digest


def _without(name: str) -> dict[str, Record]:
    records = read()
    records.pop(model_names.among(name, records) or "", None)
    return records


def _write(models: dict[str, Record], where: dict[str, str] | None = None) -> None:
    files.write_json(paths.models(), {"schema": SCHEMA, "server": where or server(), "models": models})


def _lock() -> Path:
    return paths.state() / ".models.lock"
