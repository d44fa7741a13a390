"""What the unit of a long step runs: ``python3 -m onhost.runner <step>``.

It reads the step's ``spec.json`` and leaves ``result.json``. Nobody need be connected meanwhile.
"""

from __future__ import annotations

import fcntl
import signal
import sys
import traceback
from types import FrameType
from typing import Any

from . import files, paths
from .clock import now
from .finding import FindingError
from .kinds import KINDS
from .report import Report

EXIT_FAILED = 1
EXIT_BUSY = 75


def main(step: str) -> int:
    """The exit status; ``result.json`` of the step says what happened, whatever that was."""
    folder = paths.step(step)
    files.make_folder(folder)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{step}: another runner is at work")
            return EXIT_BUSY
        signal.signal(signal.SIGTERM, _stop)
        order = files.read_json(folder / "spec.json")
        result = _work(order, Report(folder, step))
        files.append_json(folder / "runs.jsonl", result)
        files.write_json(folder / "result.json", result)
    return EXIT_FAILED if result["rc"] else 0


def _work(order: dict[str, Any], report: Report) -> dict[str, Any]:
    """One run's result: ``{attempt, rc, error_id, error, detail, installed, started, ended, …}``."""
    started = now()
    outcome: dict[str, Any] = {"rc": 0, "error_id": None, "error": None, "detail": None, "installed": []}
    try:
        outcome.update(KINDS[order["kind"]].run(order["spec"], report))
    except FindingError as error:
        outcome.update(rc=EXIT_FAILED, error_id=error.id, error=error.seen, detail=error.detail)
    except OSError as error:
        outcome.update(rc=EXIT_FAILED, error_id="GH-STEP-FAILED", error=str(error), detail=report.tail())
    except Exception as error:
        # A fault of our own: the host's record has all of it, the user a line that can be reported.
        report.log(traceback.format_exc())
        seen = f"{type(error).__name__}: {error}"
        outcome.update(rc=EXIT_FAILED, error_id="GH-BUG", error=seen, detail=report.tail(25))
    return {"attempt": order["attempt"], **outcome, "started": started, "ended": now()}


def _stop(signal_number: int, frame: FrameType | None) -> None:
    raise FindingError("GH-STEP-FAILED", "the step was stopped from outside (systemctl stop, or a shutdown)")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
