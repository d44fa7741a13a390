"""The step kind ``pull``: an image from a registry is on the host."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlencode

from . import image_reference, paths
from .finding import FindingError
from .process import redact
from .report import Report
from .siblings import Engine, EngineError, engine

Spec = dict[str, Any]

STAND_IN_LABEL = "org.gpuhost.stand-in"

_ERRORS = (
    ("GH-DISK-FULL", r"no space left on device"),
    ("GH-DIGEST", r"verification failed|digest mismatch|does not match (the )?digest|unexpected digest"),
    ("GH-IMAGE-ARCH", r"no matching manifest"),
    (
        "GH-PULL-NOT-FOUND",
        r"manifest( for \S+)? (not found|unknown)|manifest unknown|not found: |repository does not exist|pull access denied",
    ),
)


def default_engine() -> Engine:
    """The engine of this host."""
    return Engine(str(paths.under(engine.SOCKET)))


def needed(spec: Spec) -> bool:
    """Whether the image is absent, or made for another processor."""
    try:
        found = default_engine().image(spec["image"])
        return found is None or bool(_foreign(found))
    except EngineError:
        return True


def facts(spec: Spec) -> dict[str, Any]:
    """``{"image_id", "digest", "stand_in"}`` of the image on the host; empty when it is not there."""
    try:
        found = default_engine().image(spec["image"])
    except EngineError:
        return {}
    return describe(found) if found else {}


def describe(image: dict[str, Any]) -> dict[str, Any]:
    """What the step tells of an image; ``stand_in`` says what a lab's image takes the place of."""
    labels = (image.get("Config") or {}).get("Labels") or {}
    digests = image.get("RepoDigests") or [""]
    return {
        "image_id": image["Id"],
        "digest": digests[0].partition("@")[2] or None,
        "stand_in": labels.get(STAND_IN_LABEL),
    }


def run(spec: Spec, report: Report) -> dict[str, Any]:
    """The image is on the host under its name.

    :raises FindingError: ``GH-PULL-NOT-FOUND``, ``GH-PULL-FAILED``, ``GH-IMAGE-ARCH``, ``GH-DIGEST`` or ``GH-DISK-FULL``.
    """
    wanted = image_reference.parse(spec["image"])
    client = default_engine()
    query = urlencode({"fromImage": wanted.repository, "tag": wanted.version})
    layers = Layers()
    report.say("pull", f"asking for {spec['image']}")
    try:
        for message in client.stream("POST", f"/images/create?{query}"):
            if message.get("error"):
                raise EngineError(0, str(message["error"]))
            layers.hear(message)
            _log(message, report)
            report.say(layers.phase, f"{spec['image']}: {layers.text}", *layers.amount, unit="bytes")
        if wanted.tag and wanted.digest:
            tag = urlencode({"repo": wanted.repository, "tag": wanted.tag})
            client.post(f"/images/{quote(wanted.local, safe='/:@')}/tag?{tag}")
        found = client.image(wanted.local)
    except EngineError as error:
        raise FindingError(*classify(spec["image"], error.message), report.tail()) from error
    if found is None:
        raise FindingError("GH-PULL-FAILED", f"{spec['image']}: pulled, yet the engine does not have it")
    if other := _foreign(found):
        # Left here, it would pass for the one that is wanted.
        client.delete(f"/images/{quote(wanted.local, safe='/:@')}")
        raise FindingError("GH-IMAGE-ARCH", f"{spec['image']} is made for {other}")
    return {"installed": [], **describe(found)}


def _foreign(image: dict[str, Any]) -> str:
    """What the image is made for where this host is something else: engines also pull what they cannot run."""
    system, machine = str(image.get("Os") or ""), str(image.get("Architecture") or "")
    own = default_engine().get("/version")
    same = (system or own["Os"]) == own["Os"] and (machine or own["Arch"]) == own["Arch"]
    return "" if same else f"{system}/{machine}, and this host is {own['Os']}/{own['Arch']}"


def classify(image: str, message: str) -> tuple[str, str]:
    """``(finding id, what the registry or the engine said)``."""
    seen = f"{image}: {redact(message)}"
    return next((id for id, pattern in _ERRORS if re.search(pattern, message)), "GH-PULL-FAILED"), seen


class Layers:
    """Sums what the engine tells of each layer; totals grow while it learns of further layers."""

    def __init__(self) -> None:
        self._done: dict[str, float] = {}
        self._total: dict[str, float] = {}
        self._unpacking = False
        self.text = ""

    def hear(self, message: dict[str, Any]) -> None:
        """Take one message of the pull stream."""
        layer, status = str(message.get("id") or ""), str(message.get("status") or "")
        detail = message.get("progressDetail") or {}
        if status == "Downloading" and detail.get("total"):
            self._total[layer] = detail["total"]
            self._done[layer] = detail.get("current") or 0
        elif status in ("Download complete", "Verifying Checksum", "Pull complete"):
            self._done[layer] = self._total.get(layer, 0)
        self._unpacking = status == "Extracting"
        open_layers = sum(self._done.get(layer, 0) < total for layer, total in self._total.items())
        counted = f"{len(self._total) - open_layers} of {len(self._total)} layers"
        self.text = counted if self._total else status

    @property
    def phase(self) -> str:
        """``download`` while bytes come, then ``unpack``."""
        waiting = any(self._done.get(layer, 0) < total for layer, total in self._total.items())
        return "unpack" if self._unpacking and not waiting else "download"

    @property
    def amount(self) -> tuple[float | None, float | None]:
        """Bytes so far, and of how many; unknown before the first layer."""
        if not self._total:
            return None, None
        return sum(self._done.values()), sum(self._total.values())


def _log(message: dict[str, Any], report: Report) -> None:
    if not message.get("progressDetail"):
        report.log(" ".join(str(message[key]) for key in ("id", "status") if message.get(key)))
