"""Ollama on this host, through its own API (docs/api.md): asked from here alone, never through a site's proxy."""

from __future__ import annotations

import contextlib
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from .process import redact

ASK_SECONDS = 20
#: Ollama says nothing while it checks a large download against its digest.
IDLE_SECONDS = 1800


class OllamaError(Exception):
    """Ollama did not do it, and said why. ``gone``: it did not answer, or broke off."""

    def __init__(self, message: str, gone: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.gone = gone


class Ollama:
    """The server at one address. Methods raise :class:`OllamaError`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def models(self) -> dict[str, str]:
        """The digest (hexadecimal) of each model that is there, by its name with its tag."""
        listed = self._json("GET", "/api/tags").get("models") or []
        return {str(one.get("name") or one.get("model")): str(one.get("digest") or "") for one in listed}

    def loaded(self) -> list[dict[str, Any]]:
        """What is in memory now: `[{name, size, size_vram}]`."""
        listed = self._json("GET", "/api/ps").get("models") or []
        return [{"name": one.get("name"), "size": one.get("size"), "size_vram": one.get("size_vram")} for one in listed]

    def pull(self, name: str) -> Iterator[dict[str, Any]]:
        """What Ollama says while it fetches the model; what came before a cut is not fetched again."""
        # `name` is what Ollama before 0.5 called `model`; newer ones take either.
        yield from self._stream("/api/pull", {"model": name, "name": name, "stream": True})

    def create(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """What Ollama says while it makes a model of another."""
        yield from self._stream("/api/create", {**request, "stream": True})

    def copy(self, source: str, destination: str) -> None:
        """The model is there under another name as well; its layers are shared."""
        self._open("POST", "/api/copy", {"source": source, "destination": destination}).close()

    def delete(self, name: str) -> bool:
        """The model is gone, with the layers that no other uses; whether it was there."""
        try:
            self._open("DELETE", "/api/delete", {"model": name, "name": name}).close()
        except _NotFoundError:
            return False
        return True

    def _json(self, method: str, path: str) -> dict[str, Any]:
        with self._reading(), self._open(method, path) as answer:
            document = json.load(answer)
            return document if isinstance(document, dict) else {}

    def _stream(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        with self._reading(), self._open("POST", path, body, IDLE_SECONDS) as answer:
            for line in answer:
                if line.strip():
                    message = json.loads(line)
                    if message.get("error"):
                        raise OllamaError(redact(str(message["error"])))
                    yield message

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise OllamaError(f"the answer of {self.url} broke off: {error or type(error).__name__}", gone=True) from error

    def _open(self, method: str, path: str, body: Any = None, timeout: float = ASK_SECONDS) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        try:
            return self._opener.open(request, timeout=timeout)
        except urllib.error.HTTPError as error:
            said = _said(error.read(2000))
            kind = _NotFoundError if error.code == 404 else OllamaError
            raise kind(f"{self.url} answered {error.code}: {redact(said)}") from error
        except (OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise OllamaError(f"Ollama does not answer at {self.url}: {reason}", gone=True) from error


class _NotFoundError(OllamaError):
    """There is no such model."""


def _said(body: bytes) -> str:
    """The text of an error, as the API has it."""
    text = body.decode("utf-8", "replace")
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return " ".join(text.split())[:400]
