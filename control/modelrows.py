"""Rows of the truth table for language models: their names, and what a quantisation takes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from control.rowparts import Row

Megabytes = Annotated[int, Field(gt=0)]


class Model(Row):
    """A model of Ollama's library. ``tags``: megabytes to fetch, None where only the name is known."""

    id: str
    tags: dict[str, Megabytes | None] = Field(min_length=1)


class Quantisation(Row):
    """How many bits the weights of a file take on average, with what its format adds."""

    id: str
    bits_per_weight: Annotated[float, Field(gt=0, le=32)]
