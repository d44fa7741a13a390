"""`plan` as a person reads it, and for a recorded host."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from control import planner, roles, seals, support
from control.commands import plan_shown, survey
from control.commands import recorded as reading
from tests.unit.planner.conftest import SNAPSHOTS, snapshot, wishes

BOTH = "ubuntu-24.04-rx6600-plus-igpu"
NONE = "debian-13-nogpu"


def examined(name: str, *edits: Any, **changed: Any) -> dict[str, Any]:
    host, wanted = snapshot(name, *edits), wishes(**changed)
    made = planner.plan(host, wanted, support.load(), "gpu01").as_dict()
    refused = any(one["level"] == "refuse" for one in made["findings"])
    due = {} if refused else seals.due(made, host.get("seals") or {}, wanted)
    return {"snapshot": host, "plan": made, "due": due, "findings": made["findings"]}


def shown(record: dict[str, Any], verbose: bool = False, width: int = 100) -> str:
    out = Console(file=io.StringIO(), width=width, highlight=False)
    plan_shown.show(out, "gpu01", record, verbose)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def on_one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_the_header_says_what_the_host_is_and_which_gpu_is_used() -> None:
    lines = shown(examined(BOTH), width=160).splitlines()
    assert lines[0].startswith("gpu01 ")
    assert lines[1].startswith("Ubuntu 24.04 LTS · Linux 6.14.0-37-generic · 16 CPUs · ")
    assert lines[2].startswith("● Radeon RX 6600 (gfx1032, 8.6 GB, at 0000:03:00.0)")
    assert lines[3].startswith("○ Raphael")
    assert "not used: a card of its own comes before" in lines[3]


@pytest.mark.parametrize(
    "words",
    [
        "● driver inbox",
        "● ROCm distro 5.7.1, runtime",
        "installs rocminfo, rocm-smi",
        "● access ada in render, video",
        "Ollama: set to 10.3.0 ollama/ollama:rocm has no kernels for gfx1032",
        "PyTorch on the host: must not be set",
        "listens on 127.0.0.1:11434 (ollama)",
        "fetches the models llama3.2:1b",
        "fetch 2",
        "reboot not needed",
        "boots next 6.14.0-37-generic",
        "most of it: rocm/pytorch",
        "GH-ACCESS-LOGIN gpu01 what ada becomes a member of render and video",
        "fix ada logs out",
    ],
)
def test_what_will_be_done_is_said_in_words_with_its_reason(words: str) -> None:
    assert words in on_one_line(shown(examined(BOTH)))


def test_every_decision_of_every_recorded_host_is_shown() -> None:
    known = (*plan_shown.HEADER, *(rule for _, _, rules in plan_shown.SECTIONS for rule in rules))
    for path in sorted(SNAPSHOTS.glob("*.json")):
        record = examined(path.stem)
        if not record["plan"]["roles"]:
            continue
        text = on_one_line(shown(record, width=4000))
        for one in record["plan"]["decisions"]:
            assert one["rule"].startswith(known), one
            assert one["rule"].startswith(plan_shown.HEADER) or on_one_line(str(one["choice"])) in text, one


def test_rules_show_when_asked_for() -> None:
    record = examined(BOTH)
    assert "driver.inbox.bound" not in shown(record)
    assert "(driver.inbox.bound)" in shown(record, verbose=True)
    assert "due: never sealed" in shown(record, verbose=True)


def test_what_is_refused_shows_no_role_as_due_and_ends_with_the_way_out() -> None:
    text = shown(examined(NONE))
    assert "●" not in text
    assert "GH-GPU-NONE" in text
    assert "./gpuhost up --cpu" in text
    assert "nothing was changed" in text


def test_a_system_that_is_not_known_shows_its_finding_and_no_sections() -> None:
    text = shown(examined("alpine"))
    assert "GH-OS-UNSUPPORTED" in text
    assert "driver" not in text.partition("GH-OS-UNSUPPORTED")[0]


def test_a_simulated_gpu_is_called_simulated_at_the_top() -> None:
    assert "SIMULATED" in shown(examined("debian-13-rx6600-simulated")).splitlines()[1]


def test_a_host_where_all_is_sealed_has_nothing_to_do() -> None:
    record = {**examined(BOTH), "due": {}}
    text = on_one_line(shown(record))
    assert "nothing to do: every role is sealed" in text
    assert "installs" not in text
    assert "✓ driver" in text


def test_why_a_sealed_role_runs_again_is_said() -> None:
    record = examined(BOTH)
    record["due"]["rocm"] = "drifted: package:rocminfo"
    assert "due: drifted: package:rocminfo" in shown(record)


def test_a_reboot_and_a_driver_that_is_built_are_said() -> None:
    record = examined(BOTH)
    record["plan"]["cost"]["reboot"] = True
    record["plan"]["boot"] = {"next": "6.17.0-8-generic", "built": {"6.17.0-8-generic": False}}
    text = on_one_line(shown(record))
    assert "reboot yes, once" in text
    assert "boots next 6.17.0-8-generic (its driver is built by this run)" in text


@pytest.mark.parametrize(
    ("part", "present", "lines"),
    [
        ({"packages": ["a", "b=1.0"]}, {"a"}, ["installs b=1.0"]),
        ({"packages": ["a", "b=1.0"]}, {"a", "b"}, []),
        ({"packages": [f"p{n}" for n in range(8)]}, set(), ["installs p0, p1, p2, p3, p4, p5 and 2 more"]),
        ({"remove": ["old", "gone"]}, {"old"}, ["takes out first old"]),
        ({"remove": ["a"], "packages": ["a=2"]}, {"a"}, ["takes out first a", "installs a=2"]),
        ({"repositories": [{"url": "https://a/b"}]}, set(), ["adds the package source https://a/b"]),
        ({"parameters": [{"name": "iommu", "value": "pt"}]}, set(), ["sets on the kernel command line iommu=pt"]),
        ({"leftovers": [{"path": "/etc/x", "kind": "pin"}]}, set(), ["cleans, with a backup, /etc/x"]),
        ({"kernels": ["6.1", "6.2"]}, set(), ["builds the module for 6.1, 6.2"]),
    ],
)
def test_a_roles_part_in_words(part: Any, present: set[str], lines: list[str]) -> None:
    assert plan_shown.actions(part, present) == lines


def recorded(tmp_path: Path, document: Any) -> str:
    path = tmp_path / "gpu01.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("name", "cpu", "code"),
    [(BOTH, False, 0), (NONE, False, 11), (NONE, True, 0), ("alpine", False, 11), ("debian-12-rx6600", False, 0)],
)
def test_a_recorded_host_ends_as_up_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, cpu: bool, code: int
) -> None:
    path = recorded(tmp_path, snapshot(name))
    assert survey.plan(survey.Options(snapshot=path, cpu=cpu)) == code
    assert capsys.readouterr().out.startswith("gpu01 ")
    assert survey.plan(survey.Options(snapshot=path, cpu=cpu, json=True)) == code
    assert json.loads(capsys.readouterr().out)["host"] == "gpu01"


def test_the_worst_of_several_refusals_gives_the_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def port_and_user(host: dict[str, Any]) -> None:
        port = {"address": "0.0.0.0", "port": 11434, "proto": "tcp", "process": "x", "pid": 1, "container": None}
        host["ports"].append(port)
        host["network"] = [{"url": "https://a/", "ok": False, "error": "bad", "kind": "signature"}]

    path = recorded(tmp_path, snapshot(BOTH, port_and_user))
    assert survey.plan(survey.Options(snapshot=path)) == 17
    capsys.readouterr()


@pytest.mark.parametrize("wrap", [lambda host: {"snapshot": host}, lambda host: {"examined": {"a": {"snapshot": host}}}])
def test_a_record_of_a_run_and_the_output_of_info_are_read_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrap: Any
) -> None:
    assert survey.plan(survey.Options(snapshot=recorded(tmp_path, wrap(snapshot(BOTH))))) == 0
    capsys.readouterr()


@pytest.mark.parametrize("document", [[], {"os": {}}, {"examined": {"a": {}, "b": {}}}, 7])
def test_a_file_that_is_no_snapshot_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str], document: Any) -> None:
    assert survey.plan(survey.Options(snapshot=recorded(tmp_path, document))) == 10
    assert "GH-INPUT-FILE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda host: host.update(schema=2), "schema is 2 instead of 1"),
        (lambda host: host.update(gpus=None), "gpus is null instead of"),
        (lambda host: host.update(gpus=[None]), "gpus[0] is null instead of object"),
        (lambda host: host.update(kernel=[]), "kernel is a list instead of object"),
        (lambda host: host["kernel"].update(signing=None), "kernel.signing is null"),
        (lambda host: host.update(disk=[{}]), "disk[0] has no"),
        (lambda host: host.update(packages=[]), "packages is a list"),
        (lambda host: host.update(os="Debian"), 'os is "Debian"'),
        (lambda host: host.pop("network"), "it has no network"),
    ],
)
def test_a_snapshot_of_another_shape_is_bad_input_and_the_place_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], edit: Any, words: str
) -> None:
    path = recorded(tmp_path, snapshot(BOTH, edit))
    assert survey.plan(survey.Options(snapshot=path, json=True)) == 10
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert found["id"] == "GH-INPUT-FILE"
    assert words in found["seen"]


@pytest.mark.parametrize("path", sorted(SNAPSHOTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_recorded_host_has_the_shape_that_is_asked_for(path: Path) -> None:
    assert reading.snapshot(path)["schema"] == 1


@pytest.mark.parametrize("section", ["kernel", "gpus", "disk", "memory", "login_user"])
def test_a_section_that_could_not_be_read_is_no_other_shape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], section: str
) -> None:
    path = recorded(tmp_path, snapshot(BOTH, lambda host: host.update({section: {"error": "denied"}})))
    assert survey.plan(survey.Options(snapshot=path)) != 10
    capsys.readouterr()


def test_roles_of_the_sections_are_the_roles_that_run() -> None:
    assert [role for _, role, _ in plan_shown.SECTIONS if role] == list(roles.ROLES)
