"""What ``./gpuhost`` starts: sees to the environment, then runs the command in it.

Started with ``python -I``: a PYTHONPATH or a user's own packages cannot change what runs.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from control.environment import NotReadyError

if __name__ == "__main__":  # `-I` leaves the script's folder off the path, and `control` is not installed
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def main(argv: list[str]) -> int:
    """Run ``gpuhost`` with these arguments; the exit code is the command's."""
    from control import environment

    if not (environment.inside() and environment.ready()):
        return _prepare_and_restart(argv)
    # What the started tools import is theirs to say: a PYTHONPATH of the user would reach Ansible and pytest.
    for name in ("PYTHONPATH", "PYTHONHOME"):
        os.environ.pop(name, None)
    os.environ.setdefault("GPUHOST_CWD", str(Path.cwd()))
    os.chdir(environment.ROOT)

    from control.program import main as run_command

    return run_command(argv)


def _prepare_and_restart(argv: list[str]) -> int:
    from control import environment

    try:
        environment.make()
    except environment.NotReadyError as failure:
        return _report(failure)
    except KeyboardInterrupt:
        print("\ngpuhost: interrupted; the next start makes the environment again", file=sys.stderr)
        return 130
    if environment.ready():
        os.execv(environment.PYTHON, [str(environment.PYTHON), "-I", __file__, *argv])  # never returns
    raise AssertionError(f"{environment.VENV} was made and is still not ready")


def _report(failure: NotReadyError) -> int:
    from control.environment import LOG
    from control.pip_output import OK_TO_RERUN

    trouble = failure.trouble
    print("\ngpuhost: the Python environment could not be made", file=sys.stderr)
    for name, text in (
        ("what ", trouble.seen),
        ("why  ", trouble.why),
        ("fix  ", trouble.next),
        ("state", OK_TO_RERUN),
        ("log  ", LOG),
    ):
        print(f"  {name}  {text}", file=sys.stderr)
    return trouble.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
