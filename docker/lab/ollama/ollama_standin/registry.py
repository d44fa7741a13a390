"""Fetches from a registry of models as Ollama does: by ranges, in a file beside the one to be, over several tries.

What a try left behind is where the next one goes on, also one that another pull makes later (Ollama's server/download.go).
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TRIES = 6
#: Ollama waits 1, 2, 4 … seconds between two tries.
FIRST_PAUSE_S = 0.1
CHUNK = 256 * 1024  # bytes between two progress lines
SILENCE_S = 30.0
#: Go's programs look for the system's authorities here first.
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


class RegistryError(Exception):
    """A registry that does not give what it is asked for; the text is the one that Ollama hands on."""


class Registry:
    """The registry's part for one model. `base` is such as `https://registry.ollama.ai/v2/library/llama3.2`."""

    def __init__(self, base: str) -> None:
        self.base = base

    def manifest(self, tag: str) -> bytes:
        """The manifest of a tag. Raises RegistryError."""
        url = f"{self.base}/manifests/{tag}"
        try:
            with _open(url, {"Accept": MANIFEST_TYPE}) as answer:
                data: bytes = answer.read()
                return data
        except urllib.error.HTTPError as error:
            said = (
                "file does not exist" if error.code == 404 else f"{error.code}: {error.read(200).decode(errors='replace')}"
            )
            raise RegistryError(f"pull model manifest: {said}") from error
        except (OSError, http.client.HTTPException) as error:
            raise RegistryError(f'pull model manifest: Get "{url}": {_reason(error)}') from error

    def fetch(self, digest: str, total: int, blob: Path) -> Iterator[int]:
        """Yield the bytes that are there until the blob is; raises RegistryError when no try brings more."""
        partial = blob.with_name(f"{blob.name}-partial")
        part = Part(partial.with_name(f"{partial.name}-0"), total)
        with partial.open("r+b" if partial.exists() else "w+b") as file:
            os.truncate(file.fileno(), total)
            for attempt in range(TRIES):
                try:
                    yield from self._try(digest, file, part)
                    break
                except (OSError, http.client.HTTPException) as error:
                    if isinstance(error, OSError) and error.errno == 28:  # no space left on device
                        raise
                    part.write()
                    if attempt + 1 == TRIES:
                        raise RegistryError(f"max retries exceeded: {_reason(error)}") from error
                    time.sleep(FIRST_PAUSE_S * 2**attempt)
                finally:
                    part.write()
        part.path.unlink()
        partial.rename(blob)

    def _try(self, digest: str, file: Any, part: Part) -> Iterator[int]:
        if part.completed == part.size:
            return
        file.seek(part.completed)
        with _open(f"{self.base}/blobs/{digest}", {"Range": f"bytes={part.completed}-{part.size - 1}"}) as answer:
            while part.completed < part.size:
                data = answer.read(min(CHUNK, part.size - part.completed))
                if not data:
                    raise http.client.HTTPException("unexpected EOF")
                file.write(data)
                file.flush()
                part.completed += len(data)
                yield part.completed


class Part:
    """How far a file has come, in a file of its own as Ollama's: one part, since what the lab has is small."""

    def __init__(self, path: Path, size: int) -> None:
        self.path, self.size = path, size
        try:
            self.completed = int(json.loads(path.read_text())["Completed"])
        except (OSError, ValueError, KeyError):
            self.completed = 0

    def write(self) -> None:
        self.path.write_text(json.dumps({"N": 0, "Offset": 0, "Size": self.size, "Completed": self.completed}))


def _open(url: str, headers: dict[str, str]) -> Any:
    trust = ssl.create_default_context(cafile=AUTHORITIES if Path(AUTHORITIES).exists() else None)
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trust))
    return opener.open(urllib.request.Request(url, headers={"User-Agent": "ollama/0.0.0", **headers}), timeout=SILENCE_S)


def _reason(error: Exception) -> str:
    return str(error.reason if isinstance(error, urllib.error.URLError) else error) or type(error).__name__
