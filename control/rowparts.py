"""What the rows of the truth table are made of: checked texts, sources, sizes, ranges. Unknown keys are refused."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from packaging.version import Version
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Family = Literal["instinct", "radeon", "radeon-pro", "ryzen"]


def _version(text: str) -> str:
    Version(text)
    return text


VersionText = Annotated[str, AfterValidator(_version)]
Gfx = Annotated[str, Field(pattern=r"^gfx[0-9]+[0-9a-f]{2}$")]
DeviceId = Annotated[str, Field(pattern=r"^[0-9a-f]{4}$")]
Mode = Annotated[str, Field(pattern=r"^0[0-7]{3}$")]
Purpose = Literal["certificates", "container_engine", "dkms", "firewall", "firmware", "mok", "unpack", "venv"]


class Row(BaseModel):
    """What every row has: no key that is not declared, and the name of a source in the same file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    source: str


class Part(BaseModel):
    """A piece of a row."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Part):
    """Where a fact was read, and when."""

    ref: str
    as_of: date


class Size(Part):
    """What has to be fetched and what it takes on the disk afterwards, in units of 1,000,000 bytes."""

    download_mb: int
    disk_mb: int
    basis: Literal["measured", "estimate"]


class Packages(Size):
    """Packages of one purpose, with the size of the whole set on a bare host, and the first one's version."""

    names: list[str] = Field(min_length=1)
    version: VersionText | None = None


class Range(Part):
    """Oldest and newest version, both included; ``max`` is None where no end is known."""

    min: VersionText
    max: VersionText | None = None

    def holds(self, version: str) -> bool:
        """Whether a version is inside."""
        number = Version(version)
        return Version(self.min) <= number and (self.max is None or number <= Version(self.max))
