"""A host that cannot be logged in to, that another run works on, or where root is out of reach."""

from __future__ import annotations

from control.catalogue.entry import Entry, notes, stopping
from control.exitcodes import ExitCode

ENTRIES: tuple[Entry, ...] = (
    *stopping(
        ExitCode.UNREACHABLE,
        (
            "GH-HOST-UNREACHABLE",
            "The host does not answer",
            "nothing was done there",
            "check name, address, port and power; `ssh <host>` must work",
        ),
        (
            "GH-SSH-KEY",
            "The host refuses the login",
            "nothing was done there",
            "`ssh-copy-id <user>@<host>`, or name the right user and key (ansible_user, ansible_ssh_private_key_file)",
        ),
        (
            "GH-SSH-HOSTKEY",
            "The host's key is unknown or has changed",
            "it may be another machine than the one meant",
            "compare the fingerprint at the host; then `ssh-keygen -R <host>` and log in once by hand",
        ),
        (
            "GH-SUDO-PASSWORD",
            "sudo wants a password or does not allow it",
            "packages, drivers and services need root",
            "add --ask-sudo to the command, log in as root, or allow the user: `<user> ALL=(ALL) NOPASSWD: ALL` in "
            "/etc/sudoers.d/gpuhost (through visudo -f)",
        ),
        (
            "GH-PYTHON-MISSING",
            "No Python on the host",
            "gpuhost's modules run on the host's own Python, 3.9 or newer",
            "`apt-get install python3` on the host, or set ansible_python_interpreter",
        ),
    ),
    *stopping(
        ExitCode.LOCKED,
        (
            "GH-LOCKED",
            "Another run works on this host",
            "two runs at once would undo each other's work",
            "wait for it, or end it; a run that died is noticed by itself and does not block",
        ),
    ),
    *notes(
        (
            "GH-LOOK-WITHOUT-ROOT",
            "Looked at without root",
            "the kernel's log, other users' processes, the container engine and gpuhost's own seals are for root alone",
            "nothing to do if this is enough; else add --ask-sudo to the command, or log in as root",
        ),
    ),
)
