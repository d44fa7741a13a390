"""Which place is asked for which work, how long it may take, and that a GPU which hung is left alone."""

from __future__ import annotations

import time
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


def at_standard(left: float = 270.0, parts: tuple[str, ...] = ("correctness", "memory", "rate", "peers")) -> Context:
    """With so many seconds of the level left."""
    ctx = context()
    ctx.parts, ctx.until = list(parts), time.monotonic() + left
    return ctx


def within(words: list[str]) -> tuple[int, int]:
    """What a part is sized to take, and may take at most."""
    return int(words[words.index("--seconds") + 1]), int(words[words.index("--within") + 1])


def test_what_a_level_has_left_is_shared_by_what_is_still_to_be_done(asked: Asked) -> None:
    ctx, due = at_standard(), ((68, 2), (38, 1), (20, 2))
    for part in ("correctness", "memory", "rate"):
        work.probe(part, healthy.expected(), ctx)
    # Nothing took any time here: what comes later has more of what is left.
    weights = [weight for weight, places in due for _ in range(places)]
    shares = [270 * weight / sum(weights[n:]) for n, weight in enumerate(weights)]
    *sharing, (_, last, _) = asked
    assert [within(words)[1] for _, words, _ in sharing] == [pytest.approx(share, abs=2) for share in shares[:-1]]
    assert [within(words)[0] for _, words, _ in sharing] == [60, 60, 30, 12]
    # It has more than it may take by itself.
    assert "--within" not in last
    assert asked[0][2] - interpreters.MARGIN == pytest.approx(shares[0], abs=2)


def test_devices_that_are_timed_one_after_the_other_need_more(asked: Asked) -> None:
    ctx = at_standard(100.0, ("rate", "peers"))
    work.probe("rate", two_gpus(), ctx)
    # Two places with two devices each, and then the peers in one place.
    assert within(asked[0][1])[1] == pytest.approx(100 * 40 / (40 + 40 + 28), abs=2)


def test_work_is_sized_to_the_time_that_there_is(asked: Asked) -> None:
    work.probe("correctness", healthy.expected(), at_standard(40.0, ("correctness",)))
    assert within(asked[0][1]) == (12, 20)
    asked.clear()
    work.probe("correctness", healthy.expected(), at_standard(0.0, ("correctness",)))
    assert within(asked[0][1]) == (1, 1)


def test_the_minutes_of_the_endurance_are_nobody_else_s(asked: Asked) -> None:
    ctx = at_standard(60 * 20 + 100.0, ("memory", "burn"))
    expected = {**healthy.expected(), "minutes": 20}
    work.probe("memory", expected, ctx)
    assert within(asked[0][1])[1] == pytest.approx(100, abs=2)
    work.probe("burn", expected, ctx)
    assert asked[1][1][-4:] == ["--seconds", "1200", "--within", "1300"]


def test_a_part_that_was_not_announced_has_all_that_is_left(asked: Asked) -> None:
    work.probe("memory", healthy.expected(), at_standard(50.0, ()))
    assert within(asked[0][1])[1] == pytest.approx(50, abs=2)


LATE = measured.outcome({}, late=True, done=False, ended="not finished after 60 s", at="fft", device=None)


def test_what_had_no_time_is_not_known_and_no_fault(asked: Asked) -> None:
    ctx = context()
    asked.answers = {"host": LATE}
    seen = correctness.probe(healthy.expected(), ctx)
    assert ctx.hung == {}
    results = [one for one in correctness.judge(seen, healthy.expected()) if ".host." in one.id]
    assert {result.status for result in results} == {"unverifiable"}
    why = "the work on cuda:0 on the host was not finished after 60 s in fft, all that the level has left for it"
    assert {result.why for result in results} == {why}
    assert "verify run --limit 3600 correctness" in results[0].next


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
