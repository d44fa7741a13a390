"""The step kind ``model``: Ollama has a model. Ollama fetches it; this asks, waits and tells."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from .finding import FindingError
from .process import redact
from .report import Report

Spec = dict[str, Any]

_ASK_SECONDS = 10
# Ollama says nothing while it checks a large download against its digest.
_IDLE_SECONDS = 1800


def needed(spec: Spec) -> bool:
    """Whether Ollama does not list the model, or cannot be asked."""
    try:
        with _open(f"{spec['url']}/api/tags", None, _ASK_SECONDS) as answer:
            listed = json.load(answer).get("models") or []
    except (OSError, ValueError):
        return True
    return full_name(spec["model"]) not in {full_name(str(model.get("name"))) for model in listed}


def run(spec: Spec, report: Report) -> dict[str, Any]:
    """Ollama has the model.

    :raises FindingError: ``GH-MODEL-FAILED`` or ``GH-DISK-FULL``.
    """
    name = spec["model"]
    report.say("model", f"asking Ollama for {name}")
    parts: dict[str, tuple[float, float]] = {}
    last = ""
    try:
        for message in _pull(spec["url"], name):
            if message.get("error"):
                raise FindingError(*_classify(name, str(message["error"])))
            last = str(message.get("status") or last)
            if message.get("total"):
                parts[str(message.get("digest"))] = (message.get("completed") or 0, message["total"])
                done, total = (sum(column) for column in zip(*parts.values()))
                report.say("download", f"model {name}", done, total, "bytes")
            else:
                report.log(last)
                report.say("model", f"{name}: {last}")
    except (OSError, ValueError) as error:
        raise FindingError("GH-MODEL-FAILED", f"{name}: {_why(error, spec['url'])}", report.tail()) from error
    if last != "success":
        raise FindingError("GH-MODEL-FAILED", f"{name}: Ollama ended with {last!r}, not with 'success'")
    return {"installed": []}


def full_name(model: str) -> str:
    """A model's name with its tag, which is ``latest`` where none is given."""
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"


def _pull(url: str, name: str) -> Iterator[dict[str, Any]]:
    # `name` is what Ollama before 0.5 called `model`; newer ones take either.
    body = json.dumps({"model": name, "name": name, "stream": True}).encode()
    with _open(f"{url}/api/pull", body, _IDLE_SECONDS) as answer:
        for line in answer:
            if line.strip():
                yield json.loads(line)


def _open(url: str, body: bytes | None, timeout: float) -> Any:
    """The answer, from this host itself: a site's proxy has no business in between."""
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return direct.open(request, timeout=timeout)


def _classify(name: str, message: str) -> tuple[str, str]:
    full = "no space left on device" in message.lower()
    return "GH-DISK-FULL" if full else "GH-MODEL-FAILED", f"{name}: {redact(message)}"


def _why(error: Exception, url: str) -> str:
    if isinstance(error, urllib.error.HTTPError):
        said = error.read(400).decode("utf-8", "replace")
        return f"{url} answered {error.code}: {redact(said)}"
    if isinstance(error, urllib.error.URLError):
        return f"Ollama does not answer at {url}: {error.reason}"
    return f"the answer of {url} broke off: {error}"
