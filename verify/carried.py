"""Modules whose text came over a connection: a bare host needs nothing but its Python to run them."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from typing import Any


class Carried:
    """An importer of modules by their text; those with others below them are packages."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name not in self.texts:
            return None
        package = any(other.startswith(f"{name}.") for other in self.texts)
        # Duck-typed: the machinery asks for the two methods below, and the abstract class would cost its import.
        return importlib.util.spec_from_loader(name, self, is_package=package)  # type: ignore[arg-type] # has its methods

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: Any) -> None:
        name = module.__name__
        exec(compile(self.texts[name], f"<gpuhost: {name}>", "exec"), module.__dict__)

    def get_source(self, name: str) -> str:
        """The text, for tracebacks."""
        return self.texts[name]


def start(texts: dict[str, str], module: str, argv: list[str]) -> int:
    """What `main(argv)` of one of the modules gives."""
    sys.meta_path.insert(0, Carried(texts))
    return int(importlib.import_module(module).main(argv))
