"""Enrolment of a signing key: the site's password, and the words that send a person to the console."""

from __future__ import annotations

from pathlib import Path

from control import findings
from control.findings import Finding


def password(host: str, path: str) -> tuple[str, Finding | None]:
    """The one-time password in a file of this machine, empty without one; else why it cannot be used."""
    if not path:
        return "", None
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        return "", findings.make("GH-INPUT-FILE", host, f"{path}: {error}", variable="amdgpu_mok_password_file")
    if not text or not text.isascii() or text.split() != [text]:
        seen = f"{path} holds no password that can be typed at a console: one word of ASCII letters, digits and signs"
        return "", findings.make("GH-INPUT-FILE", host, seen, variable="amdgpu_mok_password_file")
    return text, None


def finding(host: str, certificate: str, given: str, kept: str | None) -> Finding:
    """What the person has to do. The password itself is not told: it would stand in logs and reports.

    :param given: where the site has the password; ``kept`` where the host has one that was made there.
    """
    known = f"its password is in {given}" if given else "its one-time password was made when it was handed in"
    seen = f"{certificate} is handed in for enrolment; {known}"
    return findings.make("GH-MOK-ENROL", host, seen, password_file=kept)
