"""The step kind ``model``: Ollama has a model. Ollama fetches it; this asks, waits, asks again after a cut, and tells."""

from __future__ import annotations

import json
import re
import sys
import time
from typing import Any

from . import model_copy, model_records, paths, process
from .finding import FindingError
from .ollama import Ollama, OllamaError
from .report import Report
from .siblings import model_names

Spec = dict[str, Any]

#: Seconds before Ollama is asked again after a cut, one after the other; from the first on where bytes came meanwhile.
PAUSES: tuple[float, ...] = (2, 10, 30, 60)

#: What Ollama says, and the finding for it; the first that matches counts.
_ERRORS = (
    ("GH-DISK-FULL", r"no space left on device"),
    ("GH-MODEL-DIGEST", r"digest mismatch"),
    ("GH-MODEL-UNKNOWN", r"file does not exist|manifest unknown"),
)
#: What a network says that is cut or slow; Ollama has tried several times by then.
_CUT = (
    r"max retries exceeded|EOF|connection (reset|refused|timed out)|timeout|timed out|no such host|temporary failure|"
    r"broken pipe|unreachable|no route to host|server misbehaving|stalled|\b(429|500|502|503|504)\b"
)


def needed(spec: Spec) -> bool:
    """Whether Ollama does not list the model, or cannot be asked."""
    try:
        return model_names.among(spec["model"], Ollama(spec["url"]).models()) is None
    except OllamaError:
        return True


def run(spec: Spec, report: Report) -> dict[str, Any]:
    """Ollama has the model, and it is noted as gpuhost's.

    :raises FindingError: ``GH-MODEL-UNKNOWN``, ``GH-MODEL-DIGEST``, ``GH-MODEL-FAILED`` or ``GH-DISK-FULL``.
    """
    name, server = model_names.full(spec["model"]), Ollama(spec["url"])
    warnings: list[dict[str, str]] = []
    if spec.get("cache") and (digest := _copied(spec, name, report, warnings)):
        model_records.note(name, "copy", digest)
        return {"installed": [], "digest": digest}
    report.say("model", f"asking Ollama for {name}")
    pull = _Pull(server, name, report)
    try:
        pull.to_its_end()
        there = server.models()
    except OllamaError as error:
        raise FindingError(_classify(error), f"{name}: {error.message}", report.tail()) from error
    listed = model_names.among(name, there)
    if listed is None:
        raise FindingError("GH-MODEL-FAILED", f"{name}: Ollama said {pull.last!r} and does not list it", report.tail())
    model_records.note(listed, "pull", there[listed])
    return {"installed": [], "digest": there[listed], **({"warnings": warnings} if warnings else {})}


def _copied(spec: Spec, name: str, report: Report, warnings: list[dict[str, str]]) -> str:
    """The model's digest once it is copied from the site's cache and Ollama lists it; empty where the cache is of no use.

    :raises FindingError: ``GH-MODEL-DIGEST`` or ``GH-DISK-FULL``: the registry would not mend that.
    """
    news: dict[str, Any] = {}

    def hear(line: str) -> None:
        try:
            news.update(json.loads(line))
        except ValueError:
            report.log(line)
        if "total" in news:
            report.say("copy", f"model {name} from {spec['cache']['host']}", news["done"], news["total"], "bytes")

    folder = paths.under(spec["folder"])
    owner = folder.stat()
    order = json.dumps({"cache": spec["cache"], "model": name, "folder": str(folder)})
    code = process.run([*process.owned_by(owner), sys.executable, "-m", "onhost.model_copy", order], hear)
    if code == model_copy.EXIT_REFUSED:
        raise FindingError(news["id"], f"{name}: {news['error']}", report.tail())
    digest = str(news.get("digest") or "")
    if code == 0 and digest and Ollama(spec["url"]).models().get(name) == digest:
        return digest
    said = news.get("error") or f"it was copied, and Ollama does not list it (exit status {code})"
    warnings.append({"id": "GH-MODEL-CACHE", "seen": f"{name} from {spec['cache']['host']}: {said}"})
    return ""


class _Pull:
    """One model on its way, over as many cuts as it takes."""

    def __init__(self, server: Ollama, name: str, report: Report) -> None:
        self._server, self._name, self._report = server, name, report
        self._parts: dict[str, tuple[float, float]] = {}
        self._most = 0.0
        self.last = ""

    def to_its_end(self) -> None:
        """Ollama has said that it has the model.

        :raises OllamaError: when it will not come, or not a byte of it came while all of :data:`PAUSES` went by.
        """
        waits = list(PAUSES)
        while True:
            before = self._most
            try:
                return self._once()
            except OllamaError as error:
                if not _is_cut(error):
                    raise
                waits = list(PAUSES) if self._most > before else waits
                if not waits:
                    raise
                pause = waits.pop(0)
                self._report.log(f"{self._name}: {error.message}; asking again in {pause:g} s")
                self._report.say("wait", f"model {self._name}: cut off, asking again in {pause:g} s", *self._amount, "bytes")
                time.sleep(pause)

    def _once(self) -> None:
        for message in self._server.pull(self._name):
            self.last = str(message.get("status") or self.last)
            if message.get("total"):
                self._parts[str(message.get("digest"))] = (message.get("completed") or 0, message["total"])
                self._most = max(self._most, self._amount[0])
                self._report.say("download", f"model {self._name}", *self._amount, "bytes")
            else:
                self._report.log(self.last)
                self._report.say("model", f"model {self._name}: {self.last}")
        if self.last != "success":
            raise OllamaError(f"Ollama ended with {self.last!r}, not with 'success'", gone=True)

    @property
    def _amount(self) -> tuple[float, float]:
        """Bytes that are there, and of how many that Ollama has told of."""
        return sum(done for done, _ in self._parts.values()), sum(total for _, total in self._parts.values())


def _is_cut(error: OllamaError) -> bool:
    refused = any(re.search(pattern, error.message, re.IGNORECASE) for _, pattern in _ERRORS)
    return not refused and (error.gone or bool(re.search(_CUT, error.message, re.IGNORECASE)))


def _classify(error: OllamaError) -> str:
    found = (id for id, pattern in _ERRORS if re.search(pattern, error.message, re.IGNORECASE))
    return next(found, "GH-MODEL-FAILED")
