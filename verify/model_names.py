"""Names of models as Ollama reads them: ``[registry/][namespace/]model[:tag]`` (ollama types/model/name.go)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

REGISTRY, NAMESPACE, TAG = "registry.ollama.ai", "library", "latest"

_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,79}"
_HOST = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,349}(?::\d{1,5})?"
_NAME = re.compile(
    rf"(?:(?:(?P<registry>{_HOST})/)?(?P<namespace>[A-Za-z0-9_][A-Za-z0-9_-]{{0,79}})/)?(?P<model>{_PART})(?::(?P<tag>{_PART}))?"
)


@dataclass(frozen=True)
class ModelName:
    """A name with its defaults filled in."""

    registry: str
    namespace: str
    model: str
    tag: str

    @property
    def short(self) -> str:
        """As Ollama lists it: without what is the default, and always with its tag."""
        plain = self.registry == REGISTRY
        prefix = "" if plain and self.namespace == NAMESPACE else f"{self.namespace}/"
        return ("" if plain else f"{self.registry}/") + f"{prefix}{self.model}:{self.tag}"

    @property
    def manifest(self) -> str:
        """Where its manifest lies below Ollama's folder of models."""
        return f"manifests/{self.registry}/{self.namespace}/{self.model}/{self.tag}"


def parse(text: str) -> ModelName:
    """The parts of a name.

    :raises ValueError: for a text that is no model's name, such as one with blanks, an address or a digest.
    """
    match = _NAME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no name of a model")
    given = {key: value for key, value in match.groupdict().items() if value}
    return ModelName(**{"registry": REGISTRY, "namespace": NAMESPACE, "tag": TAG, **given})


def full(text: str) -> str:
    """The name as Ollama lists it; what is no name stays as it is."""
    try:
        return parse(text).short
    except ValueError:
        return text


def among(text: str, names: Iterable[str]) -> str | None:
    """The one of these names, as Ollama lists them, that it takes this one for.

    It finds what is there whatever the case of the letters, and pulls, makes and copies onto that (ollama server/routes.go
    getExistingName).
    """
    name, listed = full(text), list(names)
    if name in listed:
        return name
    return next((one for one in listed if one.casefold() == name.casefold()), None)


def of_manifest(path: str) -> str:
    """The name, as Ollama lists it, of a manifest at this path below the folder of manifests."""
    return ModelName(*path.split("/")).short
