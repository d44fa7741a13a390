"""The step kind ``build``: an image built on the host from a folder."""

from __future__ import annotations

import json
import re
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode

from . import files, paths
from .finding import FindingError
from .process import redact
from .report import Report
from .siblings import EngineError
from .step_pull import default_engine, describe

Spec = dict[str, Any]

#: On the image: what it was built from. Another context, argument or label makes another digest.
CONTEXT_LABEL = "org.gpuhost.context"


def needed(spec: Spec) -> bool:
    """Whether there is no image of that name, or it was built from something else."""
    try:
        image = default_engine().image(spec["image"])
    except EngineError:
        return True
    labels = ((image or {}).get("Config") or {}).get("Labels") or {}
    return bool(labels.get(CONTEXT_LABEL) != context_digest(spec))


def facts(spec: Spec) -> dict[str, Any]:
    """``{"image_id", "digest", "stand_in"}`` of the image on the host; empty when it is not there."""
    try:
        image = default_engine().image(spec["image"])
    except EngineError:
        return {}
    return describe(image) if image else {}


def run(spec: Spec, report: Report) -> dict[str, Any]:
    """The image is on the host, labelled with the digest of its context.

    :raises FindingError: ``GH-BUILD-FAILED`` with the last lines of the output, or ``GH-DISK-FULL``.
    """
    if not (paths.under(spec["context_dir"]) / "Dockerfile").is_file():
        raise FindingError("GH-BUILD-FAILED", f"{spec['context_dir']} has no Dockerfile")
    client = default_engine()
    report.say("build", f"building {spec['image']}")
    headers = {"Content-Type": "application/x-tar"}
    try:
        with tempfile.TemporaryFile() as context:
            _pack(paths.under(spec["context_dir"]), context)
            messages = client.stream("POST", f"/build?{_query(spec)}", body=_parts(context), headers=headers)
            for message in messages:
                _hear(message, spec["image"], report)
        image = client.image(spec["image"])
    except EngineError as error:
        full = "no space left on device" in error.message.lower() + report.tail().lower()
        id = "GH-DISK-FULL" if full else "GH-BUILD-FAILED"
        raise FindingError(id, f"{spec['image']}: {redact(error.message)}", report.tail(25)) from error
    if image is None:
        raise FindingError("GH-BUILD-FAILED", f"{spec['image']}: the build ended without an image", report.tail())
    return {"installed": [], **describe(image)}


def context_digest(spec: Spec) -> str:
    """What decides the image: names, modes and contents of the context, arguments and labels."""
    given = (spec.get("labels") or {}).get(CONTEXT_LABEL)
    if given:
        return str(given)
    top = paths.under(spec["context_dir"])
    below = sorted(path for path in top.rglob("*") if path.is_file())
    content = [[str(path.relative_to(top)), path.stat().st_mode & 0o111, files.sha256(path)] for path in below]
    return files.digest_of([content, spec.get("args") or {}, spec.get("labels") or {}])


def _query(spec: Spec) -> str:
    labels = {**(spec.get("labels") or {}), CONTEXT_LABEL: context_digest(spec)}
    query: list[tuple[str, Any]] = [
        ("t", spec["image"]),
        ("buildargs", json.dumps({key: str(value) for key, value in (spec.get("args") or {}).items()})),
        ("labels", json.dumps(labels)),
        ("rm", 1),
        ("forcerm", 1),
    ]
    if spec.get("networkmode"):
        query.append(("networkmode", spec["networkmode"]))
    query += [("extrahosts", entry) for entry in spec.get("extrahosts") or []]
    return urlencode(query)


def _pack(top: Path, packed: IO[bytes]) -> None:
    """``packed`` holds the context as a tar file, owned by root whoever owns it here."""

    def as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        return member

    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(top, arcname=".", filter=as_root)
    packed.seek(0)


def _parts(stream: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: stream.read(1 << 20), b"")


def _hear(message: dict[str, Any], image: str, report: Report) -> None:
    """One message of the build stream.

    :raises EngineError: when it tells that the build failed.
    """
    if message.get("error"):
        report.log(str(message["error"]))
        raise EngineError(0, str(message["error"]))
    text = str(message.get("stream") or message.get("status") or "").rstrip()
    detail = message.get("progressDetail") or {}
    if detail.get("total"):
        layer = f"{image}: {text} {message.get('id', '')}"
        report.say("download", layer, detail.get("current"), detail["total"], "bytes")
        return
    for line in text.splitlines():
        report.log(line)
    step = re.match(r"^Step (\d+)/(\d+) : (.+)", text)
    if step:
        report.say("build", f"{image}: {step[3].splitlines()[0][:80]}", int(step[1]) - 1, int(step[2]))
