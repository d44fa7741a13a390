"""The step kind ``pip``: a virtual environment with exactly what a role asks for."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

from . import files, paths
from .finding import FindingError
from .process import redact
from .process import run as run_process
from .report import Report
from .requirements import normalised, unmet
from .venvs import distributions

Spec = dict[str, Any]

#: In the environment while it is being made: what a kill left behind is made anew.
UNFINISHED = ".gpuhost-unfinished"
#: In the environment: what the last complete run asked for and got, so that a missing part is put back.
RECORD = ".gpuhost-installed.json"

_NOT_FOUND = re.compile(r"No matching distribution found for (.+)|Could not find a version that satisfies .+")
_CONNECTION = re.compile(
    r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|SSLError|NameResolutionError|ProxyError|"
    r"Max retries exceeded"
)


def needed(spec: Spec) -> bool:
    """Whether the environment is missing or unfinished, or lacks a requirement or what came with it."""
    venv = paths.under(spec["venv"])
    if not (venv / "bin" / "python").exists() or (venv / UNFINISHED).exists():
        return True
    present = _visible(spec, venv)
    recorded = _recorded(spec, venv)
    lost = [name for name, version in recorded.items() if present.get(name) != version]
    return bool(lost or unmet(spec["requirements"], present))


def run(spec: Spec, report: Report) -> dict[str, Any]:
    """The environment exists and fulfils the requirements; ``{"distributions": {name: version}}``.

    Where an earlier run fulfilled the same requirements, its versions come back.

    :raises FindingError: ``GH-PIP-NOT-FOUND``, ``GH-PIP-FAILED`` or ``GH-DISK-FULL``.
    """
    venv = paths.under(spec["venv"])
    recorded = _recorded(spec, venv)
    _make(spec, venv, report)
    if not (recorded and _install(spec, venv, recorded, report) == ""):
        said = _install(spec, venv, {}, report)
        if said:
            raise FindingError(*classify(said), report.tail())
    left = unmet(spec["requirements"], _visible(spec, venv))
    if left:
        raise FindingError("GH-PIP-FAILED", f"pip ended well, yet these are not fulfilled: {', '.join(left)}")
    found = distributions(venv)
    record = {"asked": files.digest_of(sorted(spec["requirements"])), "distributions": found}
    files.write_json(venv / RECORD, record, mode=0o644)
    (venv / UNFINISHED).unlink()
    return {"installed": [], "distributions": found}


def classify(output: str) -> tuple[str, str]:
    """``(finding id, the line that shows it)`` for what pip or venv printed."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    full = next((line for line in lines if "No space left on device" in line), "")
    if full:
        return "GH-DISK-FULL", full
    cut = [line for line in lines if _CONNECTION.search(line)]
    if cut:
        named = next((line for line in cut if line.startswith("Could not fetch URL")), cut[-1])
        return "GH-PIP-FAILED", redact(re.sub(r"^WARNING: Retrying .* after connection broken by ", "", named))
    absent = [line for line in lines if _NOT_FOUND.search(line)]
    if absent:
        return "GH-PIP-NOT-FOUND", redact(absent[-1].replace("ERROR: ", ""))
    errors = [line for line in lines if "error" in line.lower()]
    return "GH-PIP-FAILED", redact((errors or lines or ["pip said nothing"])[-1])


def _make(spec: Spec, venv: Path, report: Report) -> None:
    """A virtual environment is there, marked as unfinished; one that is broken is made anew."""
    unfinished = venv / UNFINISHED
    if venv.exists() and (unfinished.exists() or not (venv / "bin" / "python").exists()):
        if not unfinished.exists() and not (venv / "pyvenv.cfg").exists() and any(venv.iterdir()):
            raise FindingError("GH-PIP-FAILED", f"{venv} holds something else; move it away")
        report.log(f"{venv} was not finished; making it anew")
        shutil.rmtree(venv)
    files.make_folder(venv)
    unfinished.touch()
    if (venv / "pyvenv.cfg").exists():
        return
    report.say("create", f"creating {venv}")
    options = ["--system-site-packages"] if spec.get("system_site_packages") else []
    code, output = _run([spec["python"], "-m", "venv", *options, str(venv)], report)
    if code:
        raise FindingError("GH-PIP-FAILED", redact(output.strip().replace("\n", " ")[:300]), report.tail())


def _install(spec: Spec, venv: Path, versions: dict[str, str], report: Report) -> str:
    """Nothing, once pip has installed the requirements; else what it said.

    Addresses and their passwords go through a file: arguments can be seen by every user of the host.
    """
    settings = report.folder / "pip.conf"
    files.write(settings, _pip_conf(spec).encode())
    wanted = report.folder / "requirements.txt"
    files.write(wanted, "\n".join([*spec["requirements"], ""]).encode())
    argv = [str(venv / "bin" / "python"), "-m", "pip", "install", "-r", str(wanted), *_options(venv)]
    if versions:
        bounds = report.folder / "constraints.txt"
        files.write(bounds, "".join(f"{name}=={version}\n" for name, version in versions.items()).encode())
        argv += ["-c", str(bounds)]
    report.say("resolve", "asking the package index")
    environment = {**os.environ, "PIP_CONFIG_FILE": str(settings), "LC_ALL": "C.UTF-8"}
    try:
        code, output = _run(argv, report, environment, _Progress(report))
    finally:
        settings.unlink()
    return (output or "pip said nothing") if code else ""


def _pip_conf(spec: Spec) -> str:
    lines = ["[global]"]
    if spec.get("index_url"):
        lines.append(f"index-url = {spec['index_url']}")
    if spec.get("extra_index_urls"):
        lines += ["extra-index-url =", *(f"    {url}" for url in spec["extra_index_urls"])]
    # pip of Debian 12 trusts only its own bundle; the host's holds the site's authorities too.
    cert = spec.get("cert") or "/etc/ssl/certs/ca-certificates.crt"
    if Path(cert).is_file():
        lines.append(f"cert = {cert}")
    return "\n".join(lines) + "\n"


def _options(venv: Path) -> list[str]:
    options = ["--no-input", "--disable-pip-version-check", "--no-cache-dir", "--retries=5", "--timeout=30"]
    version = distributions(venv).get("pip", "0")
    # `raw` came with pip 24.1 (https://pip.pypa.io/en/stable/news/).
    known = tuple(int(part) for part in re.findall(r"\d+", version)[:2]) >= (24, 1)
    return [*options, "--progress-bar=raw" if known else "--progress-bar=off"]


def _visible(spec: Spec, venv: Path) -> dict[str, str]:
    """Version by name of what Python finds in the environment."""
    found: dict[str, str] = {}
    if spec.get("system_site_packages"):
        for record in paths.under("/usr/lib/python3/dist-packages").glob("*-info"):
            match = re.match(r"^(.+?)-([^-]+)(?:-py3[\d.]*)?\.(?:dist|egg)-info$", record.name)
            if match:
                found[normalised(match[1])] = match[2]
    return {**found, **distributions(venv)}


def _recorded(spec: Spec, venv: Path) -> dict[str, str]:
    """What an earlier complete run for the same requirements had installed."""
    record = files.read_json(venv / RECORD) or {}
    if record.get("asked") != files.digest_of(sorted(spec["requirements"])):
        return {}
    recorded: dict[str, str] = record["distributions"]
    return recorded


class _Progress:
    """Reads pip's lines: what it downloads, and how many of how many bytes."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._what = ""

    def hear(self, line: str) -> bool:
        """Take one line; whether it was only about progress."""
        raw = re.match(r"^Progress (\d+) of (\d+)$", line.strip())
        if raw:
            self._report.say("download", self._what, int(raw[1]), int(raw[2]), "bytes")
            return True
        download = re.match(r"^\s*Downloading (\S+?)(?:\.metadata)? \((.+)\)", line)
        if download:
            self._what = f"{download[1].rsplit('/', 1)[-1]} ({download[2]})"
            self._report.say("download", self._what)
        elif line.startswith("Installing collected packages"):
            self._report.say("install", "unpacking", 0, line.count(",") + 1)
        return False


def _run(
    argv: list[str],
    report: Report,
    environment: dict[str, str] | None = None,
    progress: _Progress | None = None,
) -> tuple[int, str]:
    lines: list[str] = []

    def hear(line: str) -> None:
        if progress and progress.hear(line):
            return
        lines.append(line)
        report.log(line)

    return run_process(argv, hear, env=environment), "\n".join(lines)
