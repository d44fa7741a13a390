"""The benchmark: what is compared, in which order, and what the figures say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from invoke import Context, Exit

from control import bench, benchchecks, environment
from control.bench import Subject, Timing
from control.tasks import dev


def test_up_is_compared_with_full_and_with_plain_ansible_on_the_same_site() -> None:
    subjects = bench.subjects("rack 7")
    assert [subject.name for subject in subjects][:2] == ["up", "up --full"]
    assert subjects[0].command[1:] == ("up", "--site", "rack 7")
    assert subjects[1].command[1:] == ("up", "--site", "rack 7", "--full")
    plain, every_role = subjects[2:]
    assert plain.command[0].endswith("/ansible-playbook")
    assert [part.rpartition("/")[2] for part in plain.command[1:]] == ["-i", "common", "-i", "rack 7", "site.yml"]
    assert json.loads(every_role.command[-1]) == {"preflight_full": True}


def test_plain_ansible_runs_with_ansibles_own_defaults() -> None:
    environment = bench.subjects("lab")[2].environment
    assert environment["ANSIBLE_FORKS"] == "5"
    assert environment["ANSIBLE_PIPELINING"] == "False"
    assert environment["ANSIBLE_GATHERING"] == "implicit"
    assert bench.subjects("lab")[0].environment == {}


def test_what_is_called_ansibles_default_is_the_installed_ansibles_default() -> None:
    import ansible.config

    text = (Path(ansible.config.__file__).parent / "base.yml").read_text(encoding="utf-8")
    settings = yaml.load(text, Loader=yaml.CSafeLoader)
    by_variable = {env["name"]: setting for setting in settings.values() for env in setting.get("env") or []}
    for name in ("ANSIBLE_FORKS", "ANSIBLE_PIPELINING", "ANSIBLE_GATHERING"):
        assert bench.ANSIBLE_DEFAULTS[name] == str(by_variable[name]["default"]), name


def test_a_benchmark_of_nothing_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Exit, match="must be 1 or more") as ended:
        dev.bench(Context(), runs=0)
    assert ended.value.code == 10


def test_each_is_warmed_up_once_and_then_they_take_turns() -> None:
    ran: list[str] = []

    def run(subject: Subject) -> float:
        ran.append(subject.name)
        return float(len(ran))

    timings = bench.measure([Subject("a", ()), Subject("b", ())], runs=2, run=run)

    assert ran == ["a", "b", "a", "b", "a", "b"]
    assert [timing.seconds for timing in timings] == [(3.0, 5.0), (4.0, 6.0)]


@pytest.mark.parametrize("runs", [0, -1])
def test_no_runs_are_no_benchmark(runs: int) -> None:
    with pytest.raises(ValueError, match="must be 1 or more"):
        bench.measure([], runs)


TIMINGS = [Timing("up", ("up",), (1.0, 2.0, 9.0)), Timing("up --full", ("up", "--full"), (20.0, 10.0, 30.0))]


def test_figures_are_medians_with_the_span_and_the_ratio_to_the_first() -> None:
    rows = bench.summary(TIMINGS)
    assert [(row["median_s"], row["min_s"], row["max_s"], row["ratio"]) for row in rows] == [
        (2.0, 1.0, 9.0, 1.0),
        (20.0, 10.0, 30.0, 10.0),
    ]


def test_json_holds_every_single_time() -> None:
    document = json.loads(bench.as_json({"up": TIMINGS, "checks": TIMINGS[1:]}))
    assert document["runs"] == 3
    assert document["subjects"][1]["seconds"] == [20.0, 10.0, 30.0]
    assert [row["compared"] for row in document["subjects"]] == ["up", "up", "checks"]


def test_the_table_has_a_line_per_command() -> None:
    lines = bench.as_table(TIMINGS).splitlines()
    assert "3 runs each" in lines[0]
    assert lines[2].split() == ["up", "--full", "20.00", "s", "10.00", "-", "30.00", "s", "10.00"]


def test_how_many_checks_a_command_makes_is_said_beside_its_time() -> None:
    lines = bench.as_table(
        [Timing("look", ("ssh",), (1.0,), 130), Timing("testinfra", ("pytest",), (65.0,), 128)]
    ).splitlines()
    assert lines[1].endswith(" 130 checks")
    assert lines[2].endswith(" 65.00   128 checks")
    assert bench.summary([Timing("look", ("ssh",), (1.0,), 130)])[0]["checks"] == 130


@pytest.mark.parametrize(("what", "ran"), [("", ["up", "checks"]), ("up", ["up"]), ("checks", ["checks"])])
def test_one_comparison_can_be_asked_for(
    what: str, ran: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def compare(site: str, runs: int) -> list[Timing]:
        assert (site, runs) == ("rack 7", 3)
        return [Timing("checks", (), (1.0,), 4)]

    monkeypatch.setattr(bench, "measure", lambda subjects, runs: [Timing("up", subjects[0].command, (1.0,))])
    monkeypatch.setattr(benchchecks, "compare", compare)

    dev.bench(Context(), runs=3, site="rack 7", what=what)

    tables = capsys.readouterr().out.split("\n\n")
    assert [table.splitlines()[1].split()[0] for table in tables] == ran


@pytest.mark.parametrize(("what", "brought"), [("up", []), ("checks", ["dev"]), ("", ["dev"])])
def test_testinfra_is_brought_where_it_is_compared_with(
    what: str, brought: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    monkeypatch.setattr(environment, "ready", lambda name: False)
    monkeypatch.setattr(environment, "make", made.append)
    monkeypatch.setattr(bench, "measure", lambda subjects, runs: [Timing("up", (), (1.0,))])
    monkeypatch.setattr(benchchecks, "compare", lambda site, runs: [Timing("checks", (), (1.0,), 4)])
    dev.bench(Context(), what=what)
    assert made == brought


def test_an_unknown_comparison_is_bad_input() -> None:
    with pytest.raises(Exit, match="must be one of up, checks") as ended:
        dev.bench(Context(), what="downs")
    assert ended.value.code == 10


def test_a_command_that_fails_has_no_time_but_an_error_with_its_last_lines() -> None:
    with pytest.raises(bench.CommandFailedError, match=r"exited with 3:\nthe reason"):
        bench.run_once(Subject("x", ("/bin/sh", "-c", "echo the reason; exit 3")))
    assert bench.run_once(Subject("x", ("/bin/sh", "-c", "exit 0"))) < 5


def test_a_subjects_environment_reaches_its_command() -> None:
    bench.run_once(Subject("x", ("/bin/sh", "-c", '[ "$ANSIBLE_FORKS" = 5 ]'), {"ANSIBLE_FORKS": "5"}))
