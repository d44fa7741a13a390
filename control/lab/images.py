"""The lab's images: each is made once, and made again only when what it is made from has changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
from docker import errors as docker_errors

from control.lab import names, wheels
from control.lab.errors import BuildError
from control.lab.recipes import ARCHIVE, Base, StandIn

Say = Callable[[str], None]
_TAIL = 12


def say_plainly(line: str) -> None:
    """One line on standard output, whole: several threads speak."""
    sys.stdout.write(f"lab: {line}\n")
    sys.stdout.flush()


class Images:
    """Makes images with this machine's Docker Engine and says what it makes, and why.

    :param client: the engine.
    :param say: gets one line per image made.
    """

    def __init__(self, client: docker.DockerClient, say: Say) -> None:
        self.client, self.say = client, say

    def has(self, tag: str) -> bool:
        try:
            self.client.images.get(tag)
        except docker_errors.ImageNotFound:
            return False
        return True

    def base(self, base: Base) -> str:
        """The base system is an image; its tag."""
        return self._once(base.tag, f"Debian {base.suite} with mmdebstrap ({base.variant})", lambda: self._bootstrap(base))

    def built(
        self, tag: str, what: str, context: Path, args: Mapping[str, str], labels: Mapping[str, str] | None = None
    ) -> str:
        """The Dockerfile in ``context`` is built; its tag. Steps may use the network of this machine."""
        return self._once(tag, what, lambda: self._build(tag, context, args, {**names.labels(), **(labels or {})}))

    def stand_in(self, recipe: StandIn, tag: str, bases: Mapping[str, str]) -> str:
        """The stand-in is built from a copy of its folder, with its wheels in it; its tag."""

        def make() -> None:
            with scratch() as folder:
                context = folder / recipe.name
                shutil.copytree(recipe.folder, context, ignore=shutil.ignore_patterns("__pycache__"))
                if recipe.wheels:
                    wheels.download(recipe.wheels, context / "wheels")
                self._build(tag, context, {**bases, **recipe.args}, {**names.labels(), **recipe.labels})

        return self._once(tag, f"stand-in for {', '.join(recipe.images)}", make)

    def _once(self, tag: str, what: str, make: Callable[[], None]) -> str:
        if self.has(tag):
            return tag
        others = self.client.images.list(name=tag.rsplit(":", 1)[0])
        self.say(f"building {what}: {'no image of this recipe' if others else 'not built yet'}")
        start = time.monotonic()
        make()
        self.say(f"built {what} in {time.monotonic() - start:.0f} s")
        return tag

    def _bootstrap(self, base: Base) -> None:
        with scratch() as folder:
            tar = folder / "root.tar"
            command = ["mmdebstrap", "--quiet", f"--variant={base.variant}", "--components=main"]
            command += [f"--include={','.join(base.include)}"] if base.include else []
            command += valid_until()
            run([*command, base.suite, str(tar), ARCHIVE], f"Debian {base.suite}")
            repository, tag = base.tag.rsplit(":", 1)
            changes = [f"LABEL {names.LABEL}=1"]
            self.client.api.import_image(src=str(tar), repository=repository, tag=tag, changes=changes)

    def _build(self, tag: str, context: Path, args: Mapping[str, str], labels: Mapping[str, str]) -> None:
        try:
            self.client.images.build(
                path=str(context), tag=tag, buildargs=dict(args), labels=dict(labels), rm=True, forcerm=True
            )
        except docker_errors.BuildError as problem:
            lines = [str(entry.get("stream") or entry.get("error") or "").rstrip() for entry in problem.build_log]
            raise _failed(tag, [line for line in lines if line]) from problem

    def drop_stages(self) -> None:
        """Build stages that no image is made of any more are gone: they would only take disk.

        Only when no build runs: Docker would let go of a stage that a build is about to copy from.
        """
        found = self.client.images.list(filters={"label": names.STAGE_LABEL, "dangling": True})
        for image in found:
            with suppress(docker_errors.APIError):  # in use after all, by somebody else's build
                self.client.images.remove(str(image.id))

    def drop_others(self, tag: str) -> None:
        """Other versions of this image are gone unless a container uses them: large, and soon put together again."""
        for image in self.client.images.list(name=tag.rpartition(":")[0]):
            for other in set(image.tags) - {tag}:
                with suppress(docker_errors.APIError):  # in use
                    self.client.images.remove(other)


def run(command: list[str], what: str) -> None:
    """The command that makes ``what`` has done so. Raises BuildError with its last words."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise _failed(what, done.stderr.strip().splitlines())


def valid_until() -> list[str]:
    """This machine's own word on old copies of the archive; see docker/lab/README.md."""
    try:
        said = subprocess.run(
            ["apt-config", "shell", "value", "Acquire::Check-Valid-Until"], capture_output=True, text=True, check=True
        ).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        return []
    value = said.partition("=")[2].strip().strip("'\"")
    return [f"--aptopt=Acquire::Check-Valid-Until {value}"] if value else []


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder below `.lab` that is gone afterwards; on the same disk as everything else, which may be large."""
    names.LAB_DIR.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=names.LAB_DIR, prefix="build-") as name:
        yield Path(name)


def workers() -> int:
    """Builds at once: half of the work is waiting for the network."""
    return (os.cpu_count() or 1) + 1


def _failed(what: str, lines: list[str]) -> BuildError:
    tail = "\n    ".join(lines[-_TAIL:])
    return BuildError(
        f"{what} could not be built; the last lines were:\n    {tail}",
        "the lab's hosts and its mirror are made from it",
        "mend what the lines name and run the same command again: what was built stays built",
    )
