"""Variables that a site encrypted with ansible-vault: which there are, and the password that opens them."""

from __future__ import annotations

import getpass
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from control import findings
from control.inventory import VAULT, BadInputError
from control.passwords import Passwords

#: What tells Ansible where a password is: then nobody is asked.
CONFIGURED = ("ANSIBLE_VAULT_PASSWORD_FILE", "ANSIBLE_VAULT_IDENTITY_LIST")
FINDING = "GH-INPUT-VAULT"


def texts(folder: Path) -> dict[str, tuple[str, str]]:
    """One encrypted text for each kind of lid: its first line -> the file that it stands in, and all of it."""
    found: dict[str, tuple[str, str]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            content = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):  # whoever reads it as an inventory tells of it
            continue
        if VAULT in content:
            for text in _in(content):
                found.setdefault(text.splitlines()[0].strip(), (str(path.relative_to(folder.parent.parent)), text))
    return found


def _in(content: str) -> Iterator[str]:
    if content.startswith(VAULT):
        yield content
        return
    try:
        closed = yaml.load(content, Loader=_Loader)
    except yaml.YAMLError:
        return
    yield from (text for text in _texts(closed) if text.startswith(VAULT))


class _Loader(yaml.SafeLoader):
    """Reads what Ansible reads; what is encrypted as its text."""


for _tag in ("!vault", "!unsafe"):
    _Loader.add_constructor(_tag, lambda _, node: str(node.value).lstrip())


def _texts(document: Any) -> Iterator[str]:
    if isinstance(document, dict | list):
        for value in document.values() if isinstance(document, dict) else document:
            yield from _texts(value)
    elif isinstance(document, str):
        yield document


def password(folders: Sequence[Path], environment: Mapping[str, str]) -> str | None:
    """The password that a person gave for a site's encrypted variables; None where nobody had to be asked.

    :raises BadInputError: ``GH-INPUT-VAULT`` where they stay closed.
    """
    closed = {lid: found for folder in folders for lid, found in texts(folder).items()}
    if not closed:
        return None
    given = None
    if not any(environment.get(name) for name in CONFIGURED):
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise _closed(f"{next(iter(closed.values()))[0]} is encrypted, and no password is given")
        given = getpass.getpass("Vault password of the site: ")
    for where, text in closed.values():
        if why := refusal(text, given, environment):
            raise _closed(f"{where}: {why}")
    return given


def _closed(seen: str) -> BadInputError:
    return BadInputError([findings.make(FINDING, "", seen)])


def refusal(text: str, given: str | None, environment: Mapping[str, str]) -> str:
    """Why ansible-vault cannot open an encrypted text; empty where it can. What is in it goes nowhere."""
    with Passwords(vault=given).handed() as (words, handles):
        done = subprocess.run(
            [str(Path(sys.executable).with_name("ansible-vault")), "decrypt", *words, "--output", "-"],
            input=text,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**environment, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"},
            pass_fds=handles,
            check=False,
        )
    if done.returncode == 0:
        return ""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return (
        lines[-1].removeprefix("[ERROR]: ").removeprefix("ERROR! ")
        if lines
        else f"ansible-vault ended with {done.returncode}"
    )
