"""What the lab's images are made from, read from `docker/lab/*/build.yml`; and the tags that this gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from control.lab import digest, names
from control.lab.errors import BuildError
from control.lab.wheels import WheelSet, requirement_lines

#: Where Debian's archive is. Builds and mmdebstrap fetch from there; apt verifies its signatures.
ARCHIVE = "http://deb.debian.org/debian"
#: Where Debian's archive for security is: it has newer kernels than the other.
SECURITY_ARCHIVE = "http://deb.debian.org/debian-security"
#: What a lab host's base system has of itself, before docker/lab/host adds a server's packages.
HOST_INCLUDE = ("ca-certificates",)


@dataclass(frozen=True)
class Base:
    """A Debian system made by mmdebstrap (`minbase`, or `apt` with all that a server has by priority)."""

    suite: str
    include: tuple[str, ...]
    variant: str = "minbase"

    @property
    def tag(self) -> str:
        return f"{names.IMAGES}/base-{self.suite}:{digest.of(self.suite, sorted(self.include), self.variant)}"


@dataclass(frozen=True)
class StandIn:
    """An image of `docker/lab/<name>/`, with everything its `build.yml` says."""

    name: str
    folder: Path
    images: tuple[str, ...]
    stand_in_for: str
    bases: Mapping[str, Base | str] = field(hash=False)  # build argument -> system, or name of another folder
    wheels: WheelSet | None = None
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    args: Mapping[str, str] = field(default_factory=dict, hash=False)


def read(folder: Path) -> StandIn:
    """The recipe in a folder. Raises BuildError naming the file and what is wrong in it."""
    path = folder / "build.yml"
    try:
        said: dict[str, Any] = yaml.safe_load(path.read_text())
        wheels = said.get("wheels")
        images = said["image"]
        labels = dict(said.get("labels") or {})
        if names.STAND_IN_LABEL not in labels:
            raise KeyError(names.STAND_IN_LABEL)
        return StandIn(
            name=folder.name,
            folder=folder,
            images=tuple([images] if isinstance(images, str) else images),
            stand_in_for=" ".join(said["stand_in_for"].split()),
            bases={arg: _base(one) for arg, one in {"BASE": said["base"], **said.get("more_bases", {})}.items()},
            wheels=_wheels(wheels, folder) if wheels else None,
            labels=labels,
            args={key: str(value) for key, value in (said.get("args") or {}).items()},
        )
    except (KeyError, TypeError, AttributeError, OSError, yaml.YAMLError) as problem:
        raise BuildError(
            f"{path}: {type(problem).__name__}: {problem}",
            "the lab builds its images from these files",
            "compare it with docker/lab/README.md",
        ) from problem


def stand_ins(contexts: Path = names.CONTEXTS_DIR) -> dict[str, StandIn]:
    """Every recipe, by folder name."""
    return {path.parent.name: read(path.parent) for path in sorted(contexts.glob("*/build.yml"))}


def stand_in_tag(recipe: StandIn, base_tags: Mapping[str, str]) -> str:
    """The tag of an image: it changes with its folder, its bases, its wheels and its arguments."""
    content = [
        digest.of_folder(recipe.folder),
        dict(base_tags),
        recipe.wheels.as_list() if recipe.wheels else None,
        dict(recipe.args),
    ]
    return f"{names.IMAGES}/{recipe.name}:{digest.of(*content)}"


def answers_for(recipe: StandIn, known: Iterable[str]) -> tuple[str, ...]:
    """Every name on docker.io that the stand-in answers for: its own, and the truth table's tags of the same image."""
    repositories = {name.partition(":")[0] for name in recipe.images}
    return tuple(sorted({*recipe.images, *(name for name in known if name.partition(":")[0] in repositories)}))


def _base(said: Mapping[str, Any]) -> Base | str:
    if "folder" in said:
        return str(said["folder"])
    return Base(str(said["suite"]), tuple(said.get("include") or ()))


def _wheels(said: Mapping[str, Any], folder: Path) -> WheelSet:
    named = said.get("requirements_file")
    wanted = requirement_lines((folder / str(named)).read_text()) if named else said["requirements"]
    index, alone = str(said.get("extra_index_url") or ""), bool(said.get("no_deps"))
    return WheelSet(str(said["python"]), tuple(wanted), index, no_deps=alone)
