"""``python3 -m verify``: look at this host, or check it against what was planned for it."""

from __future__ import annotations

import argparse
import json
import math
import socket
import sys
import time
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from . import bench, gateway_state, monitor, places
from .checks import AREAS, CHECKS, run_checks
from .checks.context import Context
from .compute import levels
from .facts import facts
from .result import FAIL, PASS, Result, document, settle

PASSED, FAILED, COULD_NOT_RUN = 0, 1, 2


def main(argv: list[str] | None = None) -> int:
    """Exit status 0: nothing failed, 1: something failed, 2: could not run."""
    options = _parser().parse_args(argv)
    try:
        return int(options.call(options))
    except (OSError, ValueError) as error:
        print(f"verify: {error}", file=sys.stderr)
        return COULD_NOT_RUN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m verify", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="run|snapshot|torch|monitor")
    run = commands.add_parser("run", help="check this host against what was planned for it")
    run.add_argument("--expect", default=places.EXPECTED, metavar="FILE", help="what was planned (default: %(default)s)")
    about = "; ".join(f"{check.area}: {check.about}, {check.seconds:g} s" for check in CHECKS)
    run.add_argument("checks", nargs="*", metavar="CHECK", help=f"only these areas or beginnings of ids ({about})")
    run.add_argument(
        "--level",
        choices=levels.LEVELS,
        help=f"how deep (default: as planned): quick takes up to {levels.SECONDS[levels.QUICK]} s, standard up to "
        f"{levels.SECONDS[levels.STANDARD] // 60} min, burn as long as --minutes says besides",
    )
    run.add_argument(
        "--minutes",
        type=int,
        default=levels.DEFAULT_MINUTES,
        help="how long burn keeps the GPUs at work (default: %(default)s)",
    )
    run.add_argument(
        "--limit",
        type=float,
        default=0,
        metavar="S",
        help="end after S seconds (default: the level's own); what is not known by then is unverifiable",
    )
    run.add_argument(
        "--history", metavar="FILE", help="rates of earlier runs, which rates are compared with; - reads them here"
    )
    run.set_defaults(call=_run)
    snapshot = commands.add_parser("snapshot", help="the record of this host; changes nothing")
    snapshot.set_defaults(call=_snapshot)
    torch = commands.add_parser("torch", help="PyTorch as this interpreter has it, and sample computations on each device")
    torch.add_argument("--within", type=float, metavar="S", help="end after S seconds; that alone is no fault")
    torch.set_defaults(call=_torch)
    speed = commands.add_parser("bench", help="how fast Ollama and llama.cpp answer with the same model")
    speed.add_argument("--expect", metavar="FILE", help="what was planned for this host")
    speed.add_argument("--runs", type=int, default=3, help="prompts for each server, after one to warm up")
    speed.add_argument("--words", type=int, default=256, help="words of a prompt")
    speed.add_argument("--tokens", type=int, default=128, help="tokens asked for")
    speed.set_defaults(call=_bench)
    live = commands.add_parser("monitor", help="live figures of GPUs, their processes and services, as JSON lines")
    monitor.options(live)
    live.set_defaults(call=monitor.run)
    state = commands.add_parser("gateway-state", help="write down what the gateway's front page shows of this host")
    gateway_state.options(state)
    compute = commands.add_parser("compute", help="one part of the GPU work with this interpreter's PyTorch")
    compute.add_argument("part", choices=[part.name for part in levels.PARTS])
    compute.add_argument("--devices", metavar="cuda:0,…", help="default: every GPU that torch sees, else cpu")
    compute.add_argument(
        "--seconds", type=float, metavar="S", help="what the work is sized to take (default: the part's own)"
    )
    compute.add_argument(
        "--limit", type=float, metavar="S", help="give a device up after S seconds (default: the part's own)"
    )
    compute.add_argument("--silent", type=float, metavar="S", help="… or S seconds without a sign of life")
    compute.add_argument("--within", type=float, metavar="S", help="end after S seconds; that alone is no fault")
    compute.set_defaults(call=_compute)
    for command in (run, snapshot, torch, compute):
        command.add_argument("--json", action="store_true", help="one JSON document on standard output")
    return parser


def read_expected(path: str) -> dict[str, Any]:
    """What was planned for this host.

    :raises ValueError: when the file is no document of schema 1; OSError when it cannot be read.
    """
    try:
        expected: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path} is not there: `gpuhost up` writes it on the hosts it sets up") from error
    except ValueError as error:
        raise ValueError(f"{path} is no JSON document: {error}") from error
    if not isinstance(expected, dict) or expected.get("schema") != 1:
        raise ValueError(f"{path} has a schema this version does not read; `gpuhost up` writes it anew")
    return expected


def read_history(path: str | None) -> dict[str, Any]:
    """``{"history": [{"taken_at", "rates": {id: value}}]}``, newest first, as the control node keeps it; ``{}`` without one.

    :raises ValueError: when it is no such document; OSError when it cannot be read.
    """
    if not path:
        return {}
    try:
        said = json.loads(sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8"))
        return {"history": [{"taken_at": str(one["taken_at"]), "rates": dict(one["rates"])} for one in said["history"]]}
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path}: no history of rates ({type(error).__name__}: {error})") from error


def _run(options: argparse.Namespace) -> int:
    expected = {**read_expected(options.expect), **read_history(options.history), "minutes": options.minutes}
    began, taken_at = time.monotonic(), datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    ctx = Context(expected, options.expect)
    level = options.level or expected.get("level") or levels.QUICK
    results = run_checks(expected, ctx, options.checks, level, options.limit)
    if not results:
        raise ValueError(f"no check of this host matches {' '.join(options.checks)}; areas: {', '.join(AREAS)}")
    host = str(expected.get("host") or socket.gethostname())
    if options.json:
        known, took = facts(ctx.snapshot, expected, results), time.monotonic() - began
        print(json.dumps(document(host, ctx.simulated, taken_at, took, results, level, known, options.checks)))
    else:
        print("\n".join(lines(host, ctx.simulated, results)))
    return FAILED if any(result.status == FAIL for result in results) else PASSED


def _bench(options: argparse.Namespace) -> int:
    said = bench.run(read_expected(options.expect), Path("/"), options.runs, options.words, options.tokens)
    print(json.dumps(said))
    return FAILED if said.get("error") else PASSED


def lines(host: str, simulated: bool, results: list[Result]) -> list[str]:
    """The results for a person: one line each, and under what did not pass why and what to do."""
    text = [f"{host}: SIMULATED GPU, nothing here proves that a GPU works"] if simulated else []
    for result in results:
        text.append(f"{result.status:12} {result.id}  {_plain(result.seen)}")
        if result.status != PASS:
            text += [f"{'':12}   {line}" for line in (result.why, result.next and f"next: {result.next}") if line]
    counts = [f"{sum(r.status == status for r in results)} {status}" for status in (PASS, FAIL, "unverifiable")]
    return [*text, f"{host}: {', '.join(counts)}"]


def _plain(value: Any) -> str:
    """What was seen in a line; a curve is for the report."""
    shown = {key: part for key, part in value.items() if key != "series"} if isinstance(value, dict) else value
    return shown if isinstance(shown, str) else json.dumps(shown)


def _snapshot(options: argparse.Namespace) -> int:
    from .snapshot import take

    print(json.dumps(take(), indent=None if options.json else 2))
    return PASSED


def _torch(options: argparse.Namespace) -> int:
    """Without a plan: what this interpreter's torch is, and whether it computes rightly on every device it
    sees.
    """
    from .checks.pytorch import judge_place
    from .checks.torch_look import look_here

    seen = look_here(options.within or math.inf)
    row = {
        "where": "host",
        "python": sys.executable,
        "build": seen.get("build") or "unknown",
        "version": seen.get("version"),
    }
    row.update(
        gpu=bool(seen.get("devices")) or seen.get("at") == "devices",
        override=(seen.get("environment") or {}).get("HSA_OVERRIDE_GFX_VERSION"),
    )
    results = judge_place(row, seen, len(seen.get("devices") or []), False, None)
    if options.json:
        print(json.dumps({"schema": 1, "seen": seen, "results": [result.as_dict() for result in results]}))
    else:
        print("\n".join(lines(sys.executable, False, results)))
    return FAILED if any(result.status == FAIL for result in results) else PASSED


def _compute(options: argparse.Namespace) -> int:
    """Without a plan: one part of the work, judged on the devices that there are."""
    from .checks import work
    from .compute import runner

    part = levels.part(options.part)
    if options.limit:
        part = replace(part, limit=options.limit)
    if options.silent:
        part = replace(part, silent=options.silent)
    devices = options.devices.split(",") if options.devices else runner.find_devices()
    seen = {"devices": runner.run_part(part, devices, options.seconds, options.within or math.inf)}
    row = {"where": "host", "python": sys.executable}
    judged = (work.judge_device(part.name, row, one, came) for one, came in seen["devices"].items())
    results = settle(result for group in judged for result in group)
    if options.json:
        print(json.dumps({"schema": 1, "seen": seen, "results": [result.as_dict() for result in results]}))
    else:
        print("\n".join(lines(sys.executable, False, results)))
    return FAILED if any(result.status == FAIL for result in results) else PASSED


if __name__ == "__main__":
    sys.exit(main())
