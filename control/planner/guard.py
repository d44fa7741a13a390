"""The rules that keep what is published on loopback there: which networks they guard, and where they are."""

from __future__ import annotations

from typing import Any

#: What the bridges of gpuhost's networks are called, so that rules can name them before they exist.
BRIDGES = "gpuhost"
#: The table of the rules, how many of them drop, and the unit that loads them.
GUARD: dict[str, Any] = {"family": "inet", "name": "gpuhost", "drops": 3, "unit": "gpuhost-loopback.service"}
