"""Everything that the checks say in the cases of these tests, as text: one file for each area in `tests/samples/verdicts/`.

`python -m tests.unit.checks.verdicts` writes them anew; a test compares them. So a sentence that changes shows in a review
beside those around it, and none changes unnoticed.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.unit.checks import cases, healthy, test_sentences
from verify.checks import CHECKS
from verify.result import Result

FOLDER = Path(__file__).parents[2] / "samples" / "verdicts"


class Case(NamedTuple):
    """What is seen otherwise than on a healthy host, and expected otherwise."""

    area: str
    name: str
    change: Callable[[dict[str, Any]], None]
    expected: Callable[[dict[str, Any]], None] = lambda planned: None


def every() -> Iterator[Case]:
    """The rows of the tests of sentences, and those of `cases.py`."""
    for number, (area, change, id, _, _) in enumerate(test_sentences.ROWS):
        yield Case(area, f"{id} {number}", change)
    for number, (area, change, id, _) in enumerate(test_sentences.UNKNOWN):
        yield Case(area, f"{id} unknown {number}", change)
    for area, name, change, expected in cases.CASES:
        yield Case(area, name, change, expected)


def judge(area: str, seen: dict[str, Any], planned: dict[str, Any]) -> list[Result]:
    check = next(check for check in CHECKS if check.area == area)
    return check.judge(seen, planned)


def text(area: str) -> str:
    """The results of a healthy host, then of each case those that are otherwise."""
    usual = judge(area, healthy.seen(area), healthy.expected(area))
    blocks = [block("a host as planned", usual)]
    for case in (case for case in every() if case.area == area):
        seen, planned = healthy.seen(area), healthy.expected(area)
        case.change(seen)
        case.expected(planned)
        results = judge(area, seen, planned)
        gone = sorted({one.id for one in usual} - {one.id for one in results})
        words = [f"not asked: {', '.join(gone)}"] if gone else []
        blocks.append(block(case.name, [one for one in results if one not in usual], words))
    return "\n".join(_numberless(blocks))


def _numberless(blocks: Iterable[str]) -> Iterator[str]:
    """Rows are counted within their area: one more in another moves none of these."""
    count: dict[str, int] = defaultdict(int)
    for block_ in blocks:
        head, _, rest = block_.partition("\n")
        name, _, number = head.rpartition(" ")
        if number.isdigit():
            count[name] += 1
            head = f"{name} {count[name]}"
        yield f"{head}\n{rest}"


def block(name: str, results: Iterable[Result], words: Iterable[str] = ()) -> str:
    """One case: its results, each with all that it says."""
    lines = [f"## {name}", *words]
    for one in results:
        lines.append(f"{one.status} {one.id}")
        lines += [f"    seen    {_shown(one.seen)}", f"    wanted  {_shown(one.wanted)}"]
        lines += [f"    {label:7} {words_}" for label, words_ in (("why", one.why), ("next", one.next)) if words_]
        lines += [f"    needs   {' '.join(one.needs)}"] if one.needs else []
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    said = json.dumps(value, ensure_ascii=False)
    # A curve has hundreds of points, and nobody's words depend on one.
    return said if len(said) < 600 else f"{said[:600]} … {len(said)} characters"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for check in CHECKS:
        (FOLDER / f"{check.area}.txt").write_text(text(check.area), encoding="utf-8")
        sys.stdout.write(f"{check.area}\n")


if __name__ == "__main__":
    main()
