"""The step kind ``model``: Ollama has a model. Ollama fetches it; this asks, waits, asks again after a cut, and tells."""

from __future__ import annotations

import json
import re
import sys
import time
from contextlib import suppress
from typing import Any

from . import files, model_check, model_copy, model_records, paths, process
from .finding import FindingError
from .ollama import Ollama, OllamaError
from .process import Hear
from .report import Report
from .siblings import model_names

Spec = dict[str, Any]

#: In the step's folder, until what came is known to be right: `{model, had, ended, copies}`; ``had``: the blobs that were
#: there before, ``ended``: the model's digest once Ollama said that it has it, ``copies``: digests of what was begun to be
#: copied.
BEGUN = "begun.json"

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
    """Whether Ollama does not list the model, or cannot be asked; or the model that came was not checked to the end."""
    try:
        there = Ollama(spec["url"]).models()
    except OllamaError:
        return True
    listed, name = model_names.among(spec["model"], there), model_names.full(spec["model"])
    begun = (files.read_json(path) or {} for path in paths.steps().glob(f"*/{BEGUN}"))
    return listed is None or any(one.get("model") == name and one.get("ended") == there[listed] for one in begun)


def run(spec: Spec, report: Report) -> dict[str, Any]:
    """Ollama has the model, and it is noted as gpuhost's.

    :raises FindingError: ``GH-MODEL-UNKNOWN``, ``GH-MODEL-DIGEST``, ``GH-MODEL-FAILED`` or ``GH-DISK-FULL``.
    """
    name, server = model_names.full(spec["model"]), Ollama(spec["url"])
    warnings: list[dict[str, str]] = []
    came = _Came(spec, name, report)
    digest = _copied(spec, name, report, warnings, came) if spec.get("cache") else ""
    came.drop_copies()
    if digest:
        came.check(server, name, digest, requests=0)
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
    came.check(server, listed, there[listed], pull.requests)
    model_records.note(listed, "pull", there[listed])
    return {"installed": [], "digest": there[listed], **({"warnings": warnings} if warnings else {})}


def _copied(spec: Spec, name: str, report: Report, warnings: list[dict[str, str]], came: _Came) -> str:
    """The model's digest once it is copied from the site's cache and Ollama lists it; empty where the cache is of no use.

    :raises FindingError: ``GH-MODEL-DIGEST`` or ``GH-DISK-FULL``: the registry would not mend that.
    """
    news: dict[str, Any] = {}

    def hear(line: str) -> None:
        try:
            news.update(json.loads(line))
        except ValueError:
            report.log(line)
        if begun := news.pop("begun", None):
            came.copies(begun)
        if "total" in news:
            report.say("copy", f"model {name} from {spec['cache']['host']}", news["done"], news["total"], "bytes")

    code = _as_owner("model_copy", {"cache": spec["cache"], "model": name, "folder": spec["folder"]}, hear)
    if code == model_copy.EXIT_REFUSED:
        raise FindingError(news["id"], f"{name}: {news['error']}", report.tail())
    digest = str(news.get("digest") or "")
    if code == 0 and digest and Ollama(spec["url"]).models().get(name) == digest:
        return digest
    said = news.get("error") or f"it was copied, and Ollama does not list it (exit status {code})"
    warnings.append({"id": "GH-MODEL-CACHE", "seen": f"{name} from {spec['cache']['host']}: {said}"})
    return ""


def _as_owner(module: str, order: dict[str, Any], hear: Hear) -> int:
    """The exit status of a module of ours that works in Ollama's folder as whoever owns it."""
    folder = paths.under(order["folder"])
    given = json.dumps({**order, "folder": str(folder)})
    return process.run([*process.owned_by(folder.stat()), sys.executable, "-m", f"onhost.{module}", given], hear)


class _Came:
    """What came of a model since the step was first begun, also over runs that were killed."""

    def __init__(self, spec: Spec, name: str, report: Report) -> None:
        self._folder, self._name, self._report = spec.get("folder"), name, report
        self._path = report.folder / BEGUN
        if not self._folder:
            return
        known, here = files.read_json(self._path) or {}, model_check.files_of(paths.under(self._folder))
        self._again = known.get("model") == name
        # What went since then came anew.
        had = [one for one in here if one in known["had"]] if self._again else here
        self._begun = {**(known if self._again else {}), "model": name, "had": had}
        files.write_json(self._path, self._begun)

    def copies(self, digests: list[str]) -> None:
        """These are being copied from the site's cache; what comes of them stays, for the copy that goes on."""
        self._begun["copies"] = sorted({*digests, *self._begun.get("copies", [])})
        files.write_json(self._path, self._begun)

    def drop_copies(self) -> None:
        """What was copied in part is gone: the model is here, or all that is missing comes from the registry."""
        if not self._folder or not (digests := self._begun.pop("copies", [])):
            return
        _as_owner("model_copy", {"folder": self._folder, "drop": digests}, self._report.log)
        files.write_json(self._path, self._begun)

    def check(self, server: Ollama, listed: str, digest: str, requests: int) -> None:
        """What came is what the digests say, also where it took several requests and Ollama checked only the last.

        :raises FindingError: ``GH-MODEL-DIGEST``; what was wrong is gone then, and the model with it.
        """
        if not self._folder:
            return
        if self._again or requests > 1:
            files.write_json(self._path, {**self._begun, "ended": digest})
            if wrong := self._wrong(listed):
                with suppress(OllamaError):  # it stays listed without a blob, and is due in the next run
                    server.delete(listed)
                seen = f"{self._name}: {', '.join(wrong)}: what came is something else"
                raise FindingError("GH-MODEL-DIGEST", seen, self._report.tail())
        self._path.unlink()

    def _wrong(self, listed: str) -> list[str]:
        wrong: list[str] = []

        def hear(line: str) -> None:
            try:
                news = json.loads(line)
            except ValueError:
                self._report.log(line)
                return
            if "wrong" in news:
                wrong.append(news["wrong"])
            else:
                self._report.say("check", f"checking model {self._name}", news["done"], news["total"], "bytes")

        code = _as_owner("model_check", {"folder": self._folder, "model": listed, "had": self._begun["had"]}, hear)
        if code:
            seen = f"{self._name}: it came, and could not be compared with its digests (exit status {code})"
            raise FindingError("GH-MODEL-FAILED", seen, self._report.tail())
        return wrong


class _Pull:
    """One model on its way, over as many cuts as it takes."""

    def __init__(self, server: Ollama, name: str, report: Report) -> None:
        self._server, self._name, self._report = server, name, report
        self._parts: dict[str, tuple[float, float]] = {}
        self._most = 0.0
        self.requests = 0
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
        self.requests += 1
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
