"""The words of every finding. ``docs/findings.md`` has one entry for each; a test compares the two.

An entry stands in one module with all others whose ids begin with the same word: ``GH-APT-…`` in ``packages``. In ``why``
and ``next``, ``{name}`` is a parameter of :func:`control.findings.make`; ``[…]`` goes where it is missing.
"""

from __future__ import annotations

from control.catalogue import driver, gpu, inputs, kernel, models, packages, reach, rocm, runs, services, system
from control.catalogue.entry import Entry, Level

__all__ = ["ENTRIES", "TOPICS", "Entry", "Level"]

TOPICS = (inputs, reach, system, gpu, driver, kernel, rocm, packages, services, models, runs)
ENTRIES: tuple[Entry, ...] = tuple(entry for topic in TOPICS for entry in topic.ENTRIES)
