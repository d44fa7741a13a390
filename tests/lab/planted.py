"""Secrets that are planted to be looked for: known to the test, and nowhere to be found but where they belong."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from control import support
from control.passwords import Passwords
from control.planner.secrets import of_service
from tests.lab.conftest import ROOT, SITE, LabHost
from verify.redaction import forms

#: What URLs, JSON and shells each write in another way.
SPECIAL = "+/=&?%"
PASSWORD_FILE = ROOT / ".lab" / "vault-password"


@dataclass(frozen=True)
class Planted:
    """``values``: service -> name -> secret; ``password``: what they are encrypted with; ``seen``: every command line that
    there was while they were put to work."""

    values: dict[str, dict[str, str]]
    password: str
    seen: set[str]

    @property
    def every(self) -> dict[str, str]:
        """All of them, by a name of their own."""
        named = {f"{service}/{name}": value for service, named in self.values.items() for name, value in named.items()}
        return {**named, "vault": self.password}

    @property
    def forms(self) -> list[str]:
        """Every way in which each of them is written."""
        return sorted({form for value in self.every.values() for form in forms(value)})

    def found_in(self, text: str) -> list[str]:
        """Names of those that are in a text, in any form."""
        return [name for name, value in self.every.items() if any(form in text for form in forms(value))]


def plant(host: LabHost) -> Planted:
    """The site gives every secret of the catalogue for this host, in ansible-vault; commands know its password."""
    values = {
        service.id: {row.name: _value(row in service.secrets) for row in of_service(service)}
        for service in support.load().services()
    }
    PASSWORD_FILE.parent.mkdir(exist_ok=True)
    password = secrets.token_urlsafe(24)
    PASSWORD_FILE.write_text(f"{password}\n")
    PASSWORD_FILE.chmod(0o600)
    path = ROOT / "inventory" / SITE / "host_vars" / host.name / "vault.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_closed(yaml.safe_dump({"services_secrets": values}), password))
    os.environ["ANSIBLE_VAULT_PASSWORD_FILE"] = str(PASSWORD_FILE)
    return Planted(values, password, set())


def _value(special: bool) -> str:
    """What a file of settings can hold, or something that everybody writes in another way."""
    return f"planted{secrets.token_hex(16)}" + (SPECIAL if special else "")


def _closed(text: str, password: str) -> str:
    tool = str(Path(sys.executable).with_name("ansible-vault"))
    with Passwords(vault=password).handed() as (words, handles):
        command = [tool, "encrypt", *words, "--output", "-"]
        # With another password there, whoever has set it, ansible-vault would not know with which of two to encrypt.
        others = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_VAULT_")}
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=True, pass_fds=handles, env=others)
        return done.stdout


@contextlib.contextmanager
def watched(seen: set[str]) -> Iterator[None]:
    """Every command line of this machine and of the lab's hosts, which are containers here, goes into ``seen``."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):  # it ended
                    seen.add(path.read_text(errors="replace").replace("\0", " "))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
