"""How an image is named: repository, tag, digest."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """``repository[:tag][@digest]``; without tag and digest the tag is ``latest``, as for the engine."""

    repository: str
    tag: str
    digest: str

    @property
    def version(self) -> str:
        """What the engine fetches: the digest where there is one, for a tag may move."""
        return self.digest or self.tag

    @property
    def local(self) -> str:
        """The name under which the engine then has it."""
        return f"{self.repository}@{self.digest}" if self.digest else f"{self.repository}:{self.tag}"


def parse(name: str) -> Reference:
    """The parts of an image's name; a colon before the last slash belongs to the registry's port."""
    rest, _, digest = name.partition("@")
    head, slash, last = rest.rpartition("/")
    base, _, tag = last.partition(":")
    return Reference(f"{head}{slash}{base}", tag or ("" if digest else "latest"), digest)
