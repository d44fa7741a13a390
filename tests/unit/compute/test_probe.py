"""Which place is asked for which work, how long it may take, and that a GPU which hung is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.checks import healthy, measured
from verify.checks import correctness, interpreters, memory, work
from verify.checks.context import Context
from verify.compute import levels

HUNG = measured.outcome({}, hung=True, done=False, ended="no end after 240 s", at="fft")


class Asked(list[tuple[str, list[str], float]]):
    """What places were asked: where, the words, the limit; ``answers`` by place."""

    answers: dict[str, dict[str, Any]]

    def __call__(self, row: dict[str, Any], words: list[str], ctx: Context, seconds: float) -> dict[str, Any]:
        self.append((row["where"], words, seconds))
        devices = words[words.index("--devices") + 1].split(",")
        return {"devices": {one: self.answers.get(row["where"], measured.outcome({})) for one in devices}}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    found = Asked()
    found.answers = {}
    monkeypatch.setattr(interpreters, "ask", found)
    return found


def context(**snapshot: Any) -> Context:
    ctx = Context(healthy.expected())
    ctx.__dict__["snapshot"] = snapshot
    for row in ctx.expected["torch"]:
        ctx._containers[row["where"]] = {"Config": {"Labels": {}}}
    return ctx


def two_gpus() -> dict[str, Any]:
    planned = healthy.expected()
    return {**planned, "gpus": [*planned["gpus"], {**planned["gpus"][0], "pci": "0000:83:00.0"}]}


PLACES = [("correctness", 2), ("rate", 2), ("memory", 1), ("burn", 1), ("peers", 1)]


@pytest.mark.parametrize(("part", "places"), PLACES)
def test_what_is_the_same_from_everywhere_is_asked_once(part: str, places: int, asked: Asked) -> None:
    work.probe(part, two_gpus(), context())
    assert [where for where, _, _ in asked] == ["host", "gpuhost-jupyter"][:places]
    assert all(words[:4] == ["compute", part, "--devices", "cuda:0,cuda:1"] for _, words, _ in asked)


def test_without_peers_nobody_is_asked(asked: Asked) -> None:
    assert work.probe("peers", healthy.expected(), context())["places"] == {"host": {"after": {}}}
    assert asked == []


def test_a_place_has_the_time_of_its_devices_one_after_the_other_where_they_are_timed(asked: Asked) -> None:
    for part in ("memory", "rate"):
        work.probe(part, two_gpus(), context())
    each = {part: levels.START_SECONDS + levels.part(part).limit for part in ("memory", "rate")}
    assert [seconds - interpreters.MARGIN for _, _, seconds in asked] == [each["memory"], 2 * each["rate"], 2 * each["rate"]]


def test_endurance_is_as_long_as_asked_for(asked: Asked) -> None:
    work.probe("burn", {**healthy.expected(), "minutes": 30}, context())
    [(_, words, seconds)] = asked
    assert words[-2:] == ["--seconds", "1800"]
    assert seconds > 1800 + levels.START_SECONDS


def test_a_gpu_that_hung_is_left_alone_by_other_places_and_later_work(asked: Asked) -> None:
    ctx = context()
    asked.answers = {"host": HUNG}
    seen = correctness.probe(healthy.expected(), ctx)
    assert ctx.hung == {"cuda:0": "correctness.host.gpu0.finished"}
    assert seen["places"]["gpuhost-jupyter"] == {"after": {"cuda:0": "correctness.host.gpu0.finished"}}
    later = memory.probe(healthy.expected(), ctx)
    assert [where for where, _, _ in asked] == ["host"]
    result = memory.judge(later, healthy.expected())[0]
    assert result.needs[-1] == "correctness.host.gpu0.finished"
    assert "it hung before" in result.why


def test_the_others_go_on_where_one_of_several_hung(asked: Asked) -> None:
    ctx = context()
    ctx.hung["cuda:0"] = "correctness.host.gpu0.finished"
    work.probe("memory", two_gpus(), ctx)
    assert asked[0][1][3] == "cuda:1"


def test_processors_that_hung_are_no_gpu(asked: Asked) -> None:
    ctx = context(simulated=True)
    asked.answers = {"host": HUNG, "gpuhost-jupyter": HUNG}
    work.probe("correctness", healthy.expected(), ctx)
    assert ctx.hung == {}
    assert [words[3] for _, words, _ in asked] == ["cpu", "cpu"]


@pytest.mark.parametrize("part", ["memory", "rate", "burn"])
def test_where_the_gpu_is_simulated_only_the_processors_numbers_are_proven(part: str, asked: Asked) -> None:
    seen = work.probe(part, healthy.expected(), context(simulated=True))
    assert asked == []
    assert seen["simulated"]
