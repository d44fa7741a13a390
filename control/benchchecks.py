"""What `./gpuhost bench` times of the checks of one host: all in one look, and one by one with testinfra over ssh."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from control import vault
from control.bench import CommandFailedError, Subject, Timing, measure
from control.inventory import BadInputError, select
from control.monitor import reach
from control.monitor.program import Way
from control.paths import ROOT
from verify import places

#: What is looked at, and not computed: it needs neither PyTorch nor a model.
LOOKING = ("system", "access", "driver", "health", "rocm", "containers", "services", "wiring")
#: Where the assertions of testinfra are. Its connection stays open between them (ControlPersist is testinfra's default).
SAME = "tests/host/same_as_verify.py"


def compare(site: str, runs: int, timed: Callable[[Sequence[Subject], int], list[Timing]] = measure) -> list[Timing]:
    """The checks of the first host of ``site``, three ways; ratios are against the first.

    :raises CommandFailedError: where the host is not reached, or what one of them asks does not hold.
    """
    with tempfile.TemporaryDirectory(prefix="gpuhost-") as scratch:
        try:
            selection = select(site, "", Path(scratch))
            host = selection.hosts[0]
            way = reach.ways(selection, vault.password(selection.inventories[1:], os.environ))[host]
        except BadInputError as error:
            raise CommandFailedError(str(error)) from error
        if way.problem:
            raise CommandFailedError(f"{host}: {way.problem}")
        return timed(subjects(site, way, looked_at(way), Path(scratch)), runs)


def look(way: Way) -> tuple[str, ...]:
    """The command that looks at everything and judges it: one connection, which nothing else has used before."""
    run = shlex.join([*(["sudo", "-n"] if way.sudo else []), "python3", "-m", "verify", "run", "--json", *LOOKING])
    script = f"cd {places.OPT} && {run}"
    return (*way.prefix, script) if way.prefix else ("/bin/sh", "-c", script)


def looked_at(way: Way) -> list[dict[str, Any]]:
    """The results of the host's checks.

    :raises CommandFailedError: where they could not run, or one fails: testinfra is asked what holds.
    """
    done = subprocess.run(look(way), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    try:
        results: list[dict[str, Any]] = json.loads(done.stdout)["results"]
    except (ValueError, KeyError) as error:
        last = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise CommandFailedError(f"{way.host}: the checks did not run ({done.returncode}): {last}") from error
    failed = [row["id"] for row in results if row["status"] == "fail"]
    if failed:
        raise CommandFailedError(f"{way.host}: {', '.join(failed)} failed; `./gpuhost verify` says why")
    return results


def subjects(site: str, way: Way, results: Sequence[dict[str, Any]], scratch: Path) -> list[Subject]:
    """What is timed: the look alone, the whole command with its report, and testinfra's own way to the same assertions.

    :param scratch: a folder for what testinfra is to ask: the ids of the checks that pass.
    """
    passed = [row["id"] for row in results if row["status"] == "pass"]
    ids = scratch / "same.json"
    ids.write_text(json.dumps(passed), encoding="utf-8")
    whole = (str(ROOT / "gpuhost"), "verify", "--site", site, "--host", way.host, "--only", ",".join(LOOKING))
    asked = (str(ROOT / ".venv" / "bin" / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", SAME)
    environment = {"GPUHOST_SITE": site, "GPUHOST_HOST": way.host, "GPUHOST_SAME": str(ids)}
    return [
        Subject("the checks of a host, over one connection", look(way), checks=len(results)),
        Subject("verify --only, with its report", whole, checks=len(results)),
        Subject("the same assertions, testinfra over ssh", asked, environment, len(passed)),
    ]
