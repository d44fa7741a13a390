"""Which functions a verdict goes through: those that `judge` and its like call in their own module."""

from __future__ import annotations

import ast
from pathlib import Path

from control.paths import ROOT

CHECKS = ROOT / "verify" / "checks"
#: Where verdicts begin, in modules that are areas.
ENTRANCES = {"judge", "judge_measure", "judge_place", "judge_device", "names"}
#: Modules that are no area and judge, with the functions that areas call; all others only look, or compute.
HELPERS: dict[str, set[str]] = {
    "driver_module": {"judge", "built_id", "as_part"},
    "fallback": {"cause", "too_old"},
    "inside": {"judge", "causes"},
    "inspection": {"setting"},
    "interpreters": {"gpus", "no_gpu_here", "described"},
    "torch_fit": {"judge"},
    "work": {"rows", "gpus", "devices", "judge", "judge_device", "no_number", "missing", "raised", "against", "outcome"},
}
#: What only looks: no verdict is made there.
LOOKING = {"__init__", "context", "pytorch_worker"}


def modules() -> list[str]:
    """Every module that judges, by name."""
    return sorted(path.stem for path in CHECKS.glob("*.py") if path.stem not in LOOKING)


def source(module: str) -> str:
    """The text of a module of the checks."""
    return (CHECKS / f"{module}.py").read_text(encoding="utf-8")


def reached(module: str) -> set[str]:
    """The functions of a module that its verdicts go through."""
    tree = ast.parse(source(module))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    # What a table at the top names is called through it.
    tables = {name.id for node in tree.body if not isinstance(node, ast.FunctionDef) for name in _names(node)}
    waiting = (HELPERS.get(module) or ENTRANCES) & set(functions) | tables & set(functions)
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= {one.id for one in _names(functions[name])} & set(functions) - found
    # Probes look; they are called by the frame, not by a verdict.
    return found - {"probe"}


def _names(node: ast.AST) -> list[ast.Name]:
    return [one for one in ast.walk(node) if isinstance(one, ast.Name)]


def path_of(module: str) -> Path:
    """Where a module is, relative to the repository."""
    return (CHECKS / f"{module}.py").relative_to(ROOT)
