"""What every command has in common."""

from __future__ import annotations

import json
import select
import subprocess
import sys

from control.paths import ROOT

#: As `services --tunnel`, which says where and then waits.
GOES_ON = """
import sys
from control.commands.common import print_json
print_json({"forwards": []})
sys.stdin.read()
"""


def test_a_program_gets_the_document_while_the_command_goes_on() -> None:
    # -E: the shell's own PYTHONUNBUFFERED would hide what this looks for.
    command = [sys.executable, "-E", "-c", GOES_ON]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            readable, _, _ = select.select([process.stdout], [], [], 30)
            assert readable, "nothing came while the command goes on"
            assert process.poll() is None, "it came because the command ended"
        finally:
            process.stdin.close()
        assert json.loads(process.stdout.read()) == {"forwards": []}
