"""Services on the host itself: each check can fail, and names the cause; rows of `test_sentences`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.checks import healthy
from tests.unit.checks.changes import Change, Row
from verify.checks import AREAS, CHECKS, running, units
from verify.checks.context import Context, Ran
from verify.engine import EngineError
from verify.result import FAIL, PASS, UNVERIFIABLE, Result, settle

Seen = dict[str, Any]


def unit(**changes: Any) -> Change:
    return lambda seen: seen["ollama"].update(changes)


ROWS: list[Row] = [
    (
        "units",
        unit(ActiveState="failed", SubState="failed", Result="exit-code"),
        "units.ollama.running",
        "its unit gpuhost-ollama.service is failed (failed, result exit-code).",
        "journalctl -n 50 -u gpuhost-ollama.service; sudo systemctl restart gpuhost-ollama.service",
    ),
    ("units", lambda seen: seen.clear(), "units.ollama.running", "is None", "journalctl"),
    (
        "units",
        unit(error="System has not been booted with systemd"),
        "units.ollama.running",
        "not been booted with systemd",
        "journalctl",
    ),
    (
        "units",
        unit(ExecStart="{ path=/usr/local/bin/ollama ; argv[]=/usr/local/bin/ollama serve ; }"),
        "units.ollama.program",
        "starts another program",
        "gpuhost up",
    ),
    (
        "units",
        unit(UnitFileState="disabled"),
        "units.ollama.starts_at_boot",
        "after a reboot",
        "systemctl enable gpuhost-ollama.service",
    ),
    ("units", unit(User=""), "units.ollama.user", "runs as root", "gpuhost up"),
    ("units", unit(NoNewPrivileges="no"), "units.ollama.confined", "may do more than it must", "gpuhost up"),
    ("units", unit(CapabilityBoundingSet="cap_chown"), "units.ollama.confined", "reaches further", "gpuhost up"),
    ("units", unit(ProtectSystem="no"), "units.ollama.confined", "may do more", "gpuhost up"),
    ("units", unit(DevicePolicy="auto"), "units.ollama.confined", "may do more", "gpuhost up"),
    ("units", unit(groups=["44"]), "units.ollama.groups", "not in the groups 109", "systemctl restart"),
    ("units", unit(groups=None), "units.ollama.groups", "not in the groups 109, 44", "systemctl restart"),
    ("units", unit(Environment=""), "units.ollama.override", "is not set", "gpuhost up"),
    (
        "units",
        unit(Environment='"HSA_OVERRIDE_GFX_VERSION=11.0.0" HOME=/x'),
        "units.ollama.override",
        "is 11.0.0",
        "gpuhost up",
    ),
]


def judge_all(seen: dict[str, Seen]) -> dict[str, Result]:
    planned = healthy.natively()
    results = settle(result for check in CHECKS for result in check.judge(seen[check.area], planned))
    return {result.id: result for result in results}


@pytest.fixture
def seen() -> dict[str, Seen]:
    """A host as planned, with Ollama on the host itself and the others in containers."""
    found = {area: healthy.seen(area) for area in AREAS}
    del found["containers"]["containers"]["gpuhost-ollama"]
    found["rocm"]["override"]["env_files"] = [
        {"path": f"/etc/systemd/system/{healthy.ON_THE_HOST['unit']}", "name": "HSA_OVERRIDE_GFX_VERSION", "value": "10.3.0"}
    ]
    # By which containers reach it.
    found["services"]["ports"].append({"address": "172.18.0.1", "port": 11434, "proto": "tcp", "process": "systemd"})
    found["wiring"]["addresses"] = {"ollama": "http://ollama.internal:11434/api/version"}
    found["services"]["services"]["anythingllm"]["setup"] = told("http://ollama.internal:11434")
    return found


def told(address: str) -> dict[str, Any]:
    """AnythingLLM's page of settings, with this address of Ollama."""
    return healthy.page(json.dumps({"results": {**healthy.SETUP, "OllamaLLMBasePath": address}}))


def test_a_host_as_planned_passes_every_check(seen: dict[str, Seen]) -> None:
    results = judge_all(seen)
    assert {result.status for result in results.values()} == {PASS}, [r for r in results.values() if r.status != PASS]
    assert not [id for id in results if id.startswith("containers.ollama")]


@pytest.mark.parametrize(("address", "process"), [("0.0.0.0", "systemd"), ("192.0.2.7", "ollama")])
def test_another_open_port_is_told_beside_the_bridge(seen: dict[str, Seen], address: str, process: str) -> None:
    seen["services"]["ports"].append({"address": address, "port": 11434, "proto": "tcp", "process": process})
    result = judge_all(seen)["services.ollama.exposure"]
    assert result.status == FAIL
    assert address in result.why
    assert "172.18.0.1" not in result.why


def test_what_follows_from_a_unit_that_does_not_run_is_no_failure_of_its_own(seen: dict[str, Seen]) -> None:
    refused = {"status": 0, "body": "", "error": "Connection refused"}
    seen["units"]["ollama"].update(ActiveState="failed")
    seen["services"]["services"]["ollama"] = dict.fromkeys(("health", "version", "tags"), refused)
    seen["services"]["ports"] = [row for row in seen["services"]["ports"] if row["port"] != 11434]
    cut = {"ollama": {"resolved": True, "error": "ECONNRESET"}}
    seen["wiring"]["from"] = {"anythingllm": cut, "jupyter": cut}
    seen["generate"].update(call={"error": "Connection refused"}, loaded=None)
    results = judge_all(seen)
    assert {id for id, result in results.items() if result.status == FAIL} == {"units.ollama.running"}
    followed = [result.why for result in results.values() if result.status == UNVERIFIABLE]
    assert len(followed) >= 6
    assert all(why.startswith("follows from units.ollama.running: ") for why in followed), followed


def test_a_name_that_ollama_on_the_host_refuses_is_no_name_of_it(seen: dict[str, Seen]) -> None:
    seen["services"]["services"]["anythingllm"]["setup"] = told("http://ollama:11434")
    assert judge_all(seen)["services.anythingllm.llm_address"].status == FAIL


def test_a_program_of_the_lab_is_told_apart(seen: dict[str, Seen]) -> None:
    seen["units"]["ollama"]["stand_in"] = healthy.STAND_IN
    assert healthy.STAND_IN in str(judge_all(seen)["units.ollama.program"].seen)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """A host whose unit runs as process 4711; ``systemctl`` and ``journalctl`` say what is in files of that name."""
    (tmp_path / "proc/4711").mkdir(parents=True)
    (tmp_path / "proc/4711/status").write_text("Name:\tollama\nGroups:\t44 109 \n")
    (tmp_path / healthy.PROGRAM.lstrip("/")).mkdir(parents=True)

    def ran(argv: list[str], seconds: float, **_: Any) -> Ran:
        assert argv[-1].endswith("gpuhost-ollama.service")
        try:
            return Ran(0, (tmp_path / argv[0]).read_text())
        except OSError:
            return Ran(1, "", f"{argv[0]}: not there")

    monkeypatch.setattr(units, "run", ran)
    monkeypatch.setattr(running, "run", ran)
    return Context(healthy.natively(), root=tmp_path)


def test_what_systemd_and_the_process_say_is_what_is_judged(host: Context) -> None:
    words = {key: value for key, value in healthy.seen("units")["ollama"].items() if key not in ("groups", "stand_in")}
    (host.root / "systemctl").write_text("".join(f"{key}={value}\n" for key, value in words.items()))
    seen = units.probe(healthy.natively(), host)
    assert seen == healthy.seen("units") | {"ollama": healthy.seen("units")["ollama"] | {"groups": ["109", "44"]}}
    assert {result.status for result in units.judge(seen, healthy.natively())} == {PASS}


def test_a_unit_that_cannot_be_asked_about_is_a_failure_with_its_reason(host: Context) -> None:
    (result,) = units.judge(units.probe(healthy.natively(), host), healthy.natively())
    assert (result.status, "not there" in result.why) == (FAIL, True)


def test_the_log_of_a_unit_is_its_journal(host: Context) -> None:
    row = next(row for row in healthy.natively()["services"] if row["name"] == "ollama")
    (host.root / "journalctl").write_text("inference compute library=ROCm\n")
    assert running.log(row, host, 20) == "inference compute library=ROCm\n"
    (host.root / "journalctl").unlink()
    with pytest.raises(EngineError, match="not there"):
        running.log(row, host, 20)


def test_the_file_beside_a_stand_in_is_read(host: Context) -> None:
    row = next(row for row in healthy.natively()["services"] if row["name"] == "ollama")
    assert running.stand_in(row, host) is None
    (host.root / healthy.PROGRAM.lstrip("/") / "STAND-IN").write_text(f"{healthy.STAND_IN}\n")
    assert running.stand_in(row, host) == healthy.STAND_IN
