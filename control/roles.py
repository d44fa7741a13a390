"""The roles, their order, and the variables they offer.

The schema of every public variable is the role's ``meta/argument_specs.yml``; nothing else describes it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from control.paths import ROLES_DIR

PREFLIGHT = "preflight"
VERIFY = "verify"

#: Roles that change a host, in the order in which they run. Removal runs them backwards.
ROLES = (
    "sources",
    "container_engine",
    "amdgpu",
    "rocm",
    "gpu_access",
    "pytorch",
    "services",
    "gateway",
    VERIFY,
)


@cache
def specification(role: str) -> dict[str, dict[str, Any]]:
    """Options of the role's entry point ``main``, by variable name."""
    document = _read_yaml(role, "meta/argument_specs.yml")
    return dict(document["argument_specs"]["main"].get("options") or {})


@cache
def defaults(role: str) -> dict[str, Any]:
    """The role's default values, as written (not rendered)."""
    return dict(_read_yaml(role, "defaults/main.yml") or {})


@cache
def variables() -> dict[str, dict[str, Any]]:
    """Every public variable of every role: name -> option of its argument spec."""
    return {name: option for role in (PREFLIGHT, *ROLES) for name, option in specification(role).items()}


def owner(variable: str) -> str | None:
    """The role whose prefix ``variable`` carries, or None."""
    return next((role for role in (PREFLIGHT, *ROLES) if variable.startswith(f"{role}_")), None)


def _read_yaml(role: str, path: str) -> Any:
    text = (ROLES_DIR / role / path).read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
