"""A problem seen on the target: a stable id and what was seen. The controller's catalogue has the words."""

from __future__ import annotations


class FindingError(Exception):
    """The work cannot go on; ``id`` is a key of the controller's catalogue, ``seen`` one readable line."""

    def __init__(self, id: str, seen: str, detail: str = "") -> None:
        super().__init__(f"{id}: {seen}")
        self.id = id
        self.seen = seen
        self.detail = detail

    def as_dict(self) -> dict[str, str]:
        """As an Ansible module reports it under ``gpuhost_finding``."""
        return {"id": self.id, "seen": self.seen}
