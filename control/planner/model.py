"""What the decisions share: what they know (:class:`Context`) and what each gives back (:class:`Outcome`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from control import findings
from control.findings import Finding

if TYPE_CHECKING:
    from control.rows import Gpu as GpuRow
    from control.rows import System
    from control.support import Table

SCHEMA = 1
MB = 1_000_000
#: The kernel module, and what AMD's own release of it is called in DKMS.
DRIVER = "amdgpu"


@dataclass(frozen=True)
class Decision:
    """One thing decided. ``rule`` is a stable id: what has to be the same for the same answer."""

    topic: str
    choice: str
    reason: str
    rule: str

    def as_dict(self) -> dict[str, str]:
        return {"topic": self.topic, "choice": self.choice, "reason": self.reason, "rule": self.rule}


@dataclass(frozen=True)
class Outcome:
    """What one ``decide()`` gives: a part of the plan, the decisions behind it, and problems."""

    part: dict[str, Any]
    decisions: Sequence[Decision] = ()
    findings: Sequence[Finding] = ()


@dataclass(frozen=True)
class Node:
    """A compute node of a GPU, as KFD lists it; a partitioned card has several. ``index`` is its place among all of them."""

    index: int
    render_node: str | None
    unique_id: str | None


@dataclass(frozen=True)
class Gpu:
    """One AMD GPU of the host, as planned for. ``state`` is ``up``, ``unloaded``, ``failed`` or ``reserved``."""

    pci: str
    name: str
    gfx: str | None
    vram_bytes: int | None
    render_node: str | None
    integrated: bool
    state: str
    row: GpuRow | None
    kfd_node: int | None = None
    nodes: tuple[Node, ...] = ()
    use: bool = False
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The GPU's entry in the plan."""
        names = ("pci", "name", "gfx", "vram_bytes", "render_node", "integrated", "use", "why")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Context:
    """Everything a decision may look at. ``gpus`` and ``parts`` (role -> part) fill up as decisions are made.

    ``models``: language models that this run is about; empty for those that the site wants.
    """

    snapshot: Mapping[str, Any]
    wishes: Mapping[str, Any]
    table: Table
    host: str
    system: System
    gpus: Sequence[Gpu] = ()
    parts: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    models: Sequence[str] = ()

    @property
    def used(self) -> list[Gpu]:
        """The GPUs that programs are to use, the one with the most memory first; of several targets where the cards are."""
        return sorted((gpu for gpu in self.gpus if gpu.use), key=lambda gpu: -(gpu.vram_bytes or 0))

    @property
    def targets(self) -> list[str]:
        """The targets of the used GPUs, each once, in their order."""
        return list(dict.fromkeys(gpu.gfx for gpu in self.used if gpu.gfx))

    @property
    def gfx(self) -> str | None:
        """The target of the first used GPU, None without one."""
        return self.targets[0] if self.targets else None

    @property
    def simulated(self) -> bool:
        return bool(self.snapshot.get("simulated"))

    def mapping(self, section: str) -> Mapping[str, Any]:
        """A section that is a mapping; empty where the snapshot does not have it."""
        value = self.snapshot.get(section)
        return value if isinstance(value, Mapping) else {}

    def rows(self, section: str) -> Sequence[Mapping[str, Any]]:
        """A section that is a list; empty where the snapshot does not have it or could not read it."""
        value = self.snapshot.get(section)
        return value if isinstance(value, list) else []

    def finding(self, finding_id: str, seen: str, **params: Any) -> Finding:
        """A finding about this host."""
        return findings.make(finding_id, self.host, seen, **params)


def in_names(gpus: Iterable[Gpu]) -> str:
    """GPUs for a person, equal ones once: ``2x Instinct MI210 (gfx90a), Radeon VII (gfx906)``."""
    names = Counter(f"{gpu.name} ({gpu.gfx})" for gpu in gpus)
    return ", ".join(f"{count}x {name}" if count > 1 else name for name, count in names.items())


def in_words(count_bytes: float) -> str:
    """A number of bytes for a person, in the units that disks are sold in."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count_bytes >= size:
            return f"{count_bytes / size:.1f} {unit}"
    return f"{count_bytes:.0f} bytes"
