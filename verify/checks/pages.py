"""What a service's page says, against what its row in the catalogue says that it should."""

from __future__ import annotations

import json
from typing import Any


def healthy(wanted: dict[str, Any], body: str) -> bool:
    """Whether a health page says what a working service says: some keys of its JSON, or a text."""
    if "json" in wanted:
        said = parsed(body)
        return isinstance(said, dict) and {key: said.get(key) for key in wanted["json"]} == wanted["json"]
    return wanted["contains"] in body


def parsed(body: str) -> Any:
    """The JSON value of a page, None where it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def mapping(page: dict[str, Any] | None) -> dict[str, Any]:
    """The JSON object that a page is; empty where it is none."""
    said = parsed((page or {}).get("body") or "")
    return said if isinstance(said, dict) else {}


def start(body: str) -> str:
    """The beginning of a page, on one line."""
    return " ".join(body.split())[:120]
