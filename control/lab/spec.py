"""What a lab host is to be."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from control.lab.errors import UnknownAskedError
from control.lab.names import PREFIX

RELEASES = (12, 13)
GPUS = ("rx6600",)

#: Says that the host is Alpine, which gpuhost does not support; everything else on it stays Debian.
ALPINE = """\
NAME="Alpine Linux"
ID=alpine
VERSION_ID=3.22.1
PRETTY_NAME="Alpine Linux v3.22 (STAND-IN of the lab: a Debian host that calls itself Alpine)"
"""


@dataclass(frozen=True)
class HostSpec:
    """One host of the lab.

    :param number: 1 to 200; gives the name and the address.
    :param release: Debian release, 12 or 13.
    :param gpu: the card to simulate, or None for a host without a GPU.
    :param os_release: other text for ``/etc/os-release``, to try what is not supported; None keeps Debian's.
    :param sudo_password: sudo asks for a password (made at random, kept in ``.lab/hosts/<name>/``).
    """

    number: int
    release: int = 12
    gpu: str | None = "rx6600"
    os_release: str | None = None
    sudo_password: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.number <= 200:
            raise unknown("host number", self.number, "1 to 200")
        if self.release not in RELEASES:
            raise unknown("Debian release", self.release, ", ".join(map(str, RELEASES)))
        if self.gpu is not None and self.gpu not in GPUS:
            raise unknown("GPU", self.gpu, ", ".join((*GPUS, "none")))

    @property
    def name(self) -> str:
        return f"{PREFIX}{self.number}"

    @property
    def volume(self) -> str:
        """Holds the host's own ``/var/lib/docker``."""
        return f"{self.name}-docker"

    def as_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> HostSpec:
        return cls(**json.loads(text))


def parse(hosts: int | None, release: str, gpu: str) -> list[HostSpec]:
    """The hosts that ``--hosts N --release 12,13 --gpu rx6600|none`` mean.

    Releases are dealt out in turn; without ``hosts`` there is one host per release.

    :raises UnknownAskedError: naming what is not known and what is.
    """
    asked = re.split(r"[,\s]+", release.strip())
    wrong = [one for one in asked if not one.isdigit() or int(one) not in RELEASES]
    if wrong:
        raise unknown("Debian release", ", ".join(wrong) or "''", ", ".join(map(str, RELEASES)))
    card = None if gpu == "none" else gpu
    count = len(asked) if hosts is None else hosts
    if count < 1:
        raise unknown("number of hosts", count, "1 or more")
    return [HostSpec(n + 1, int(asked[n % len(asked)]), card) for n in range(count)]


def number_of(name: str) -> int:
    """The number in ``gpuhost-lab-3``, or in ``3``."""
    digits = name.removeprefix(PREFIX)
    if not digits.isdigit():
        raise unknown("lab host", name, f"{PREFIX}1, {PREFIX}2, …")
    return int(digits)


def only(names: Sequence[str]) -> None:
    """Raises UnknownAskedError where a name is there twice."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UnknownAskedError(f"asked twice for {', '.join(twice)}", "a name is one host", "give each host its own number")


def unknown(what: str, seen: object, known: str) -> UnknownAskedError:
    """The error for something that the lab does not have, with what it has."""
    return UnknownAskedError(f"unknown {what}: {seen}", "the lab has no such host to offer", f"use one of: {known}")
