"""Models of this host's Ollama taken away: gpuhost's own by name or pattern, somebody else's only by their whole name."""

from __future__ import annotations

import difflib
import fnmatch
from dataclasses import dataclass, field

from . import model_records
from .ollama import Ollama
from .siblings import model_names

#: How a model is whose digest is not the one that gpuhost brought: made, fetched or changed by somebody else.
THEIRS = "theirs"


@dataclass
class Removal:
    """Names of models: gone and gpuhost's, gone and somebody else's, kept because only their whole name would do.

    ``absent``: what was asked for and is not here, each with the names here that are like it.
    """

    removed: list[str] = field(default_factory=list)
    theirs: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    absent: dict[str, list[str]] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        return bool(self.removed or self.theirs)


def remove(server: Ollama, asked: list[str], check: bool = False) -> Removal:
    """The models asked for are gone.

    A model of somebody else goes only where it was named in full, with its tag: a pattern, or a name that stands for its
    ``latest``, does not reach it.

    :param asked: names, and patterns such as ``llama3*``.
    :param check: only tell what would go.
    :raises OllamaError: when Ollama does not answer, or does not do it.
    """
    there, outcome = server.models(), Removal()
    ours_before = {name: model_records.ours(name, digest) for name, digest in there.items()}
    handled: set[str] = set()
    for text in asked:
        found = _meant(text, there)
        if not found:
            outcome.absent[text] = difflib.get_close_matches(text, sorted({*there, *map(_plain, there)}), n=3, cutoff=0.5)
        for name in found:
            ours = ours_before[name]
            if not ours and name != text:
                outcome.kept.append(name)
            elif name not in handled:
                handled.add(name)
                if not check:
                    server.delete(name)
                    model_records.forget(name)
                (outcome.removed if ours else outcome.theirs).append(name)
    outcome.kept = [name for name in dict.fromkeys(outcome.kept) if name not in handled]
    return outcome


def how(name: str, digest: str) -> str:
    """Whose a model is: how gpuhost brought it, or :data:`THEIRS`."""
    record = model_records.of(name)
    return str(record["how"]) if digest and record.get("digest") == digest else THEIRS


def _meant(text: str, there: dict[str, str]) -> list[str]:
    if any(sign in text for sign in "*?["):
        return [name for name in there if fnmatch.fnmatchcase(name, text) or fnmatch.fnmatchcase(_plain(name), text)]
    name = model_names.among(text, there)
    return [name] if name else []


def _plain(name: str) -> str:
    suffix = f":{model_names.TAG}"
    return name[: -len(suffix)] if name.endswith(suffix) else name
