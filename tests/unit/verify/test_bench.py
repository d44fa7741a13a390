"""Ollama beside llama.cpp: the same prompts turn by turn, medians of what the servers time themselves, and honest errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from control import speed
from control.commands import bench_services
from tests.unit.checks import healthy
from verify import bench
from verify.checks.context import Context


@pytest.fixture
def ctx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    key = tmp_path / "etc/gpuhost/secrets/llamacpp/api_key"
    key.parent.mkdir(parents=True)
    key.write_text("the-key\n")
    monkeypatch.setattr(Context, "stand_in", lambda self, name: None)
    monkeypatch.setattr(bench, "_placed", lambda url, model: "gpu")
    return Context(healthy.expected(), root=tmp_path)


class Servers:
    """Both servers; llama.cpp is twice as fast."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any], dict[str, str]]] = []

    def __call__(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
        self.asked.append((url, body, headers))
        if url.endswith("/api/generate"):
            return {"prompt_eval_count": 300, "prompt_eval_duration": 10**9, "eval_count": 100, "eval_duration": 2 * 10**9}
        timings = {"prompt_n": 300, "prompt_per_second": 450.0, "predicted_n": 128, "predicted_per_second": 100.0}
        return {"timings": timings}


def test_both_get_the_same_prompts_in_turns_after_one_to_warm_up(ctx: Context) -> None:
    servers = Servers()
    said = bench.measure(healthy.expected(), ctx, runs=2, words=20, tokens=64, post=servers)
    prompts = [body["prompt"] for _, body, _ in servers.asked]
    assert prompts[::2] == prompts[1::2]
    assert len(set(prompts[::2])) == 3
    assert [url.rpartition("/")[2] for url, _, _ in servers.asked] == ["generate", "completion"] * 3
    assert servers.asked[1][2] == {"Authorization": "Bearer the-key"}
    assert servers.asked[1][1]["cache_prompt"] is False
    ollama, llamacpp = said["engines"]
    assert (ollama["prompt_rate"], ollama["rate"]) == (300.0, 50.0)
    assert (llamacpp["prompt_rate"], llamacpp["rate"]) == (450.0, 100.0)
    assert (said["prompt_rate"], said["rate"]) == (1.5, 2.0)
    assert len(ollama["samples"]) == 2
    assert "error" not in said


def test_a_server_that_fails_is_named_and_nothing_is_compared(ctx: Context) -> None:
    def post(url: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
        if url.endswith("/api/generate"):
            raise OSError("HTTP Error 404: Not Found")
        return Servers()(url, body, headers)

    said = bench.measure(healthy.expected(), ctx, runs=1, words=5, tokens=5, post=post)
    assert said["error"] == "ollama: OSError: HTTP Error 404: Not Found"
    assert "rate" not in said


def test_what_cannot_be_compared_says_why(ctx: Context, tmp_path: Path) -> None:
    without = healthy.expected()
    without["services"] = [row for row in without["services"] if row["name"] != "llamacpp"]
    assert bench.measure(without, ctx, 1, 5, 5)["error"] == "llamacpp is not among the services of this host"
    of_a_file = healthy.expected()
    next(row for row in of_a_file["services"] if row["name"] == "llamacpp")["file"] = "/srv/gpuhost/llamacpp/mine.gguf"
    assert "a file of the host" in bench.measure(of_a_file, ctx, 1, 5, 5)["error"]
    (tmp_path / "etc/gpuhost/secrets/llamacpp/api_key").unlink()
    assert "No such file" in bench.measure(healthy.expected(), ctx, 1, 5, 5)["error"]


def test_the_table_says_what_the_figures_are_of(ctx: Context, capsys: pytest.CaptureFixture[str]) -> None:
    said = bench.measure(healthy.expected(), ctx, runs=1, words=5, tokens=5, post=Servers())
    said["simulated"] = True
    said["engines"][0].update(stand_in="not Ollama's own image", processor="cpu")
    bench_services.show(Console(width=200), {"gpu01": said})
    out = capsys.readouterr().out
    assert "100.0" in out
    assert "2.00" in out
    for words in ("SIMULATED", "STAND-IN: ollama: not Ollama's own image", "not on the same processor"):
        assert words in out


def test_what_the_host_printed_becomes_figures_or_a_finding() -> None:
    assert speed.read("gpu01", {"stdout": '{"engines": []}'}).findings == []
    assert [one.id for one in speed.read("gpu01", {"stdout": '{"error": "no"}'}).findings] == ["GH-BENCH"]
    nothing = speed.read("gpu01", {"stdout": "", "stderr": "Traceback\nNo module named verify\n"})
    assert nothing.figures is None
    assert "No module named verify" in nothing.findings[0].seen
    assert speed.command(2, 10, 20)["argv"][3:] == ["bench", "--runs", "2", "--words", "10", "--tokens", "20"]


def test_a_number_that_measures_nothing_is_bad_input() -> None:
    assert bench_services.bench(bench_services.Options(runs=0, json=True)) == 10
