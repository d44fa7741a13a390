"""The checks of a host beside testinfra: what is asked on either side, and what ends the comparison."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from control import benchchecks
from control.bench import CommandFailedError, Subject, Timing
from control.monitor import reach
from control.monitor.program import Way
from control.paths import ROOT
from verify.checks import AREAS

RESULTS = [{"id": "system.os.release", "status": "pass"}, {"id": "driver.module.version", "status": "unverifiable"}]
WAY = Way("gpu01", ("ssh", "-T", "ada@gpu01"), sudo=True)


def says(monkeypatch: pytest.MonkeyPatch, out: str, code: int = 0, err: str = "") -> None:
    def run(command: Sequence[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, code, out, err)

    monkeypatch.setattr(subprocess, "run", run)


def test_all_of_it_is_one_command_over_one_connection() -> None:
    command = benchchecks.look(WAY)
    assert command[:3] == WAY.prefix
    assert command[3:] == (
        "cd /opt/gpuhost && sudo -n python3 -m verify run --json "
        "system access driver health rocm containers services wiring",
    )
    assert benchchecks.look(Way("here")) == ("/bin/sh", "-c", command[3].replace("sudo -n ", ""))
    assert set(benchchecks.LOOKING) <= set(AREAS)


def test_the_connection_is_no_earlier_one() -> None:
    assert reach.OPTIONS["ControlMaster"] == "no"
    assert reach.OPTIONS["ControlPath"] == "none"


def test_testinfra_asks_what_passed_and_nothing_else(tmp_path: Path) -> None:
    look, whole, asked = benchchecks.subjects("rack 7", WAY, RESULTS, tmp_path)
    assert look.command == benchchecks.look(WAY)
    assert whole.command[1:6] == ("verify", "--site", "rack 7", "--host", "gpu01")
    assert [one.checks for one in (look, whole, asked)] == [2, 2, 1]
    assert json.loads(Path(asked.environment["GPUHOST_SAME"]).read_text(encoding="utf-8")) == ["system.os.release"]
    assert (asked.environment["GPUHOST_SITE"], asked.environment["GPUHOST_HOST"]) == ("rack 7", "gpu01")
    assert (ROOT / asked.command[-1]).is_file()


@pytest.mark.parametrize(
    ("out", "err", "said"),
    [
        ("", "bash: cd: /opt/gpuhost: No such file or directory", "did not run (1): bash: cd: /opt/gpuhost"),
        ("[", "", "gpu01: the checks did not run (1)"),
        ("{}", "", "gpu01: the checks did not run (1)"),
        (
            json.dumps({"results": [{"id": "wiring.a.b", "status": "fail"}]}),
            "",
            "gpu01: wiring.a.b failed; `./gpuhost verify` says why",
        ),
    ],
)
def test_nothing_is_timed_where_a_check_fails(out: str, err: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, out, 1, err)
    with pytest.raises(CommandFailedError, match=re.escape(said)):
        benchchecks.looked_at(WAY)


def test_the_first_host_of_the_site_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[Subject] = []

    def time(subjects: Sequence[Subject], runs: int) -> list[Timing]:
        assert runs == 4
        timed.extend(subjects)
        return [Timing(one.name, one.command, (1.0,), one.checks) for one in subjects]

    says(monkeypatch, json.dumps({"results": RESULTS}))
    monkeypatch.setattr(reach, "ways", lambda selection, password: dict.fromkeys(selection.hosts, WAY))

    assert [timing.checks for timing in benchchecks.compare("local", 4, time)] == [2, 2, 1]
    assert timed[0].command == benchchecks.look(WAY)


def test_a_site_that_is_not_there_or_a_host_without_a_way_has_no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandFailedError, match="there is no inventory/nowhere"):
        benchchecks.compare("nowhere", 1)
    monkeypatch.setattr(
        reach, "ways", lambda selection, password: {host: Way(host, problem="no key") for host in selection.hosts}
    )
    with pytest.raises(CommandFailedError, match="no key"):
        benchchecks.compare("local", 1)
