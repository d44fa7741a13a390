"""A run of gpuhost itself: what it saw, did and proved."""

from __future__ import annotations

from control.catalogue.entry import Entry, notes, stopping
from control.exitcodes import ExitCode

ENTRIES: tuple[Entry, ...] = (
    *stopping(
        ExitCode.REFUSED,
        (
            "GH-LAB",
            "The lab cannot be made on this machine",
            "lab hosts are containers of this machine's own Docker Engine",
            "{next}",
        ),
        (
            "GH-SNAPSHOT-PART",
            "A part of the host that could not be read",
            "a decision that needs it would be a guess",
            "run as root (sudo), or mend what the message names",
        ),
    ),
    *stopping(
        ExitCode.STEP_FAILED,
        (
            "GH-STEP-FAILED",
            "A step failed on the host",
            "what came before it stays; a rerun goes on from there",
            "see the line above and the full log, mend it, and run the same command again",
        ),
        (
            "GH-REPORTS-DENIED",
            "A run's folder could not be taken away",
            "its files most often belong to whoever ran gpuhost then, such as root",
            "run the same command as the owner of the folder; what is gone already stays gone, and nothing else was touched",
        ),
    ),
    *stopping(
        ExitCode.VERIFY_FAILED,
        (
            "GH-VERIFY-FAILED",
            "The host is set up and does not prove itself",
            "something that looks installed does not do its work",
            "each failed check says what was seen, what was wanted and what to do; `./gpuhost verify` runs them again",
        ),
        (
            "GH-VERIFY-NOT-RUN",
            "The checks could not run",
            "whether the host works is not known",
            "see the line above; `./gpuhost up` puts the checks back, `./gpuhost verify` runs them",
        ),
    ),
    *stopping(
        ExitCode.BUG,
        (
            "GH-BUG",
            "A fault of gpuhost's own",
            "this should not happen, whatever the host is like",
            "please report it with the log file that is named above",
        ),
    ),
    *notes(
        (
            "GH-SIMULATED",
            "The GPU is simulated",
            "what needs a real one is not verified here, and no result of it reads as a pass",
            "nothing to do; a lab host is for trying and testing",
        ),
    ),
)
