"""``python -m tests.mutation``: does a test notice when a check judges otherwise?

Every function that a verdict goes through is changed in one place at a time (a comparison turned round or moved by one, a
condition that always holds, a result left out, a cause forgotten, a failure that passes), and the tests that go through it
run against that. What no test notices is printed, and the exit status is 1. Whole it takes long; a module, or a sample,
takes minutes.

    .venv/bin/python -m tests.mutation health memory     # these modules of verify/checks
    .venv/bin/python -m tests.mutation --sample 100      # a hundred of all, the same for the same --seed
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.mutation import reach, runner


def main(argv: list[str]) -> int:
    """0: every mutant was noticed; 1: some were not; 2: could not run."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="default: every module of verify/checks that judges")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="only so many, chosen by chance")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives another sample")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--line", type=int, default=0, metavar="N", help="only those of one line")
    asked = parser.parse_args(argv)
    if unknown := sorted(set(asked.modules) - set(reach.modules())):
        sys.stderr.write(f"no module is named {', '.join(unknown)}; there are {', '.join(reach.modules())}\n")
        return 2
    rows = runner.chosen(asked.modules or reach.modules(), asked.sample, asked.seed)
    rows = [row for row in rows if asked.line in (0, row[1].line)]
    began, survived, done = time.monotonic(), [], 0
    sys.stderr.write(f"{len(rows)} mutants\n")
    try:
        for tried in runner.run(rows, asked.jobs):
            done += 1
            if not tried.noticed:
                survived.append(tried)
                sys.stdout.write(f"{tried.name} ({tried.tests} tests)\n")
                sys.stdout.flush()
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stderr.write(f"{done - len(survived)} of {done} noticed, in {time.monotonic() - began:.0f} s\n")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
