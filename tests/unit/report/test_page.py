"""The page as text: what a newcomer, a manager and an engineer find on it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from control import report
from control.report import html
from control.report.html import commands
from control.report.model import HostReport, RunReport
from control.report.sentences import gpus, headline
from control.report.values import cell, duration, percent, when
from tests.unit.report import run_folder, site_folder
from verify.result import PASS, Result


class Links(HTMLParser):
    """Every address that a page could load, and its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.follows: list[str] = []
        self.scripts = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        for name, value in attrs:
            if name in ("src", "srcset", "href", "xlink:href", "data", "poster", "action"):
                (self.follows if tag == "a" else self.loads).append(str(value))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_folder.write(tmp_path_factory.mktemp("site") / run_folder.STARTED)


@pytest.fixture(scope="module")
def page(mixed: Path) -> str:
    return report.write(mixed)["html"].read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def site_page(site_files: dict[str, Path]) -> str:
    return site_files["html"].read_text(encoding="utf-8")


def section(text: str, host: str) -> str:
    """What the page says of one host."""
    begin = text.index(f'<article class="host" id="host-{host}">')
    return text[begin : text.index("</article>", begin)]


def words(text: str) -> str:
    """Without markup, blanks joined."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


@pytest.mark.parametrize("which", ["page", "site_page"])
def test_the_page_loads_nothing_and_runs_nothing(which: str, request: pytest.FixtureRequest) -> None:
    text = request.getfixturevalue(which)
    links = Links(text)
    assert links.loads == ["data:,"]
    assert links.scripts == 0
    style = text[text.index("<style>") : text.index("</style>")]
    assert not re.search(r"url\(|@import|https?:", style)
    assert "default-src 'none'" in text


def test_links_lead_to_hosts_and_to_the_runs_beside_and_nowhere_else(site_page: str) -> None:
    follows = Links(site_page).follows
    assert follows == ["../index.html", *(f"#host-{name}" for name in ("gpu02", "gpu03", "gpu01"))]


def test_a_copy_elsewhere_has_no_link_that_leads_nowhere(site_report: RunReport) -> None:
    assert all(address.startswith("#host-") for address in Links(html.render(site_report)).follows)


FACTS = [
    "SIMULATED",
    "STAND-IN",
    "works as far as can be seen without a GPU — SIMULATED",
    "certified",
    "containers.ollama.running",
    "docker start gpuhost-ollama",
    "follows from containers.ollama.running",
    "the kernel&#39;s own amdgpu knows this GPU since Linux 5.14",
    "Debian GNU/Linux 13 (trixie)",
    "6.12.48+deb13-amd64",
    "ssh -N -L 3001:127.0.0.1:3001 -L 8888:127.0.0.1:8888 -L 8080:127.0.0.1:8080 -L 11434:127.0.0.1:11434 lab1",
    "restart policy: unless-stopped → no",
    "GH-SSH-UNREACHABLE",
    "2026-11-22 18:15 UTC",
    "took 41 s",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "This is the first run here that checked gpu01: the next one is compared with it.",
]


@pytest.mark.parametrize("fact", FACTS)
def test_the_page_says(page: str, fact: str) -> None:
    assert fact in page


def test_a_manager_reads_one_sentence_and_the_numbers(site_page: str) -> None:
    top = words(site_page[: site_page.index("<article")])
    assert "1 of 3 hosts is certified, 1 is certified with warnings, 1 is not certified." in top
    assert "1 certified 1 certified with warnings 1 not certified" in top
    assert "took 16 min 52 s depth burn exit code 15" in top
    assert top.index("gpu02 2x Radeon RX 7900 XTX not certified ollama is not running") < top.index("gpu03")
    assert "since 2026-11-02: 8 rates slower; 12 checks worse; changed: Kernel, ROCm, Image of ollama" in top
    assert "certified Every check passed, and each planned GPU has computed" in top


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("`gpuhost up` & more", "<code>gpuhost up</code> &amp; more"),
        ("see `a<b>` and `c`", "see <code>a&lt;b&gt;</code> and <code>c</code>"),
        ("one ` alone <i>", "one ` alone &lt;i&gt;"),
        ("plain", "plain"),
    ],
)
def test_what_stands_between_backticks_is_code_and_nothing_is_markup(said: str, shown: str) -> None:
    assert commands(said) == shown


def test_each_cause_comes_first_and_what_is_like_it_is_folded(site_page: str) -> None:
    failures = section(site_page, "gpu02").split("Since the run of")[0]
    shown, folded = failures.split("<details", 1)
    assert re.findall(r"<code>([a-z]+\.[^<]+)</code>", shown) == [
        "containers.ollama.running",
        "rate.host.gpu1.gemm_float64",
        "burn.host.gpu1.endurance",
    ]
    assert "7 more failed" in folded


def test_the_page_compares_with_the_run_before(site_page: str) -> None:
    said = words(section(site_page, "gpu02"))
    assert "Since the run of 2026-11-02 07:00 UTC" in said
    assert "Products in float16 gpu1 on the host 104 65.7 TFLOP/s -37 %" in said
    assert "28 other rates as before." in said
    assert "Kernel 6.12.48+deb13-amd64 → 6.12.57+deb13-amd64" in said
    assert "ROCm 7.2.1 (classic, /opt/rocm) → 7.2.4 (classic, /opt/rocm)" in said
    assert "containers.ollama.running pass → ✗ fail" in said
    assert "18 rates as before." in words(section(site_page, "gpu01"))


def test_a_host_on_which_nothing_changed_is_told_so_in_a_line(tmp_path: Path) -> None:
    run = site_folder.write(tmp_path, site_folder.EARLIER[-3:])
    text = report.write(run)["html"].read_text(encoding="utf-8")
    said = "Nothing has changed: 18 rates as before, the same versions, the same verdicts."
    assert said in words(section(text, "gpu01"))


def test_the_page_has_a_plot_for_each_rate_and_the_curves_of_the_endurance(site_page: str, site_report: RunReport) -> None:
    one = section(site_page, "gpu02")
    # 18 for each GPU over both places and 2 between them: one plot for both; and 4 curves of each GPU.
    assert one.count("<svg") == 11 + 8 + 2 * 4
    assert "✗ 5 of 11 too slow" in one
    assert "✗ did not last" in one
    assert "floor for such cards" in one
    assert "floor for such cards" not in section(site_page, "gpu03")


def test_a_run_that_reached_no_host_still_gives_a_page(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.json").write_text('{"command": "up", "site": "north", "hosts": []}')
    text = report.write(tmp_path / "run")["html"].read_text(encoding="utf-8")
    assert "This run reached no host." in text


def test_a_host_with_a_name_of_odd_characters_is_reached_by_its_link() -> None:
    text = html.render(RunReport("verify", "", "", None, None, (HostReport("fd00::1%eth0", results=None),)))
    assert "#host-fd00%3A%3A1%25eth0" in Links(text).follows
    assert 'id="host-fd00::1%eth0"' in text


def test_a_converged_host_of_an_up_is_not_called_broken() -> None:
    text = html.render(RunReport("up", "", "", None, None, (HostReport("gpu01", results=None),)))
    assert "The checks did not run on this host in this run; `gpuhost verify` runs them." in text
    assert "not certified</p>" not in text


@pytest.mark.parametrize(
    ("command", "title"),
    [("up", "Set-up and verification of north"), ("verify", "Verification of north"), ("info", "Info of north")],
)
def test_the_title_promises_no_end_that_a_run_may_not_have_come_to(command: str, title: str) -> None:
    text = html.render(RunReport(command, "north", "", None, None, (HostReport("gpu01", results=None),)))
    assert f"<h1>{title}</h1>" in text


HEADLINES = [
    (["certified"], "The host is certified."),
    (["certified"] * 2, "Both hosts are certified."),
    (["failed"] * 3, "All 3 hosts are not certified."),
    (["failed", "certified", "certified"], "2 of 3 hosts are certified, 1 is not certified."),
    (["simulated", "unverified"], "1 of 2 hosts is simulated or with stand-ins, 1 is not verified."),
    ([], "This run reached no host."),
]


@pytest.mark.parametrize(("levels", "sentence"), HEADLINES)
def test_the_sentence_of_a_run(levels: list[str], sentence: str) -> None:
    assert headline(levels) == sentence


def test_the_gpus_of_a_host_are_those_that_it_uses() -> None:
    rows = [{"pci": "a", "name": "X", "use": True}, {"pci": "b", "name": "X", "use": True}]
    rows += [{"pci": "c", "name": "Y", "use": False}, {"pci": "d", "name": None, "use": True}]
    assert gpus(HostReport("gpu01", plan={"gpus": rows})) == "2x X, d"


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (None, ""),
        (True, "yes"),
        ([], "none"),
        (["a", 1], "a, 1"),
        ({"size": 3, "on": False}, "size: 3, on: no"),
        ("x" * 300, "x" * 237 + "…"),
        (
            {"value": 65.7, "unit": "TFLOP/s", "low": 64.7, "high": 66.2, "samples": 30, "side": 8192},
            "65.7 TFLOP/s (64.7 to 66.2 in 30 samples), side: 8192",
        ),
        ({"at_least": 83.2, "unit": "TFLOP/s", "source": "80% of 104"}, "at least 83.2 TFLOP/s (80% of 104)"),
        ({"rounds": 3, "unit": "TFLOP/s", "series": [{"s": 0.0}]}, "rounds: 3, unit: TFLOP/s"),
    ],
)
def test_values_are_written_for_people(seen: object, text: str) -> None:
    assert cell(seen) == text


def test_times_and_changes_are_written_for_people() -> None:
    assert when("2026-11-22T181500.250Z") == when("2026-11-22T18:15:00Z") == "2026-11-22 18:15 UTC"
    assert when("yesterday") == "yesterday"
    assert [duration(one) for one in (None, 4.25, 41.3, 1012.4)] == ["", "4.2 s", "41 s", "16 min 52 s"]
    assert [percent(one) for one in (0.63, 1.0, 1.04, 0.9999)] == ["-37 %", "±0 %", "+4 %", "±0 %"]


def test_a_long_report_stays_small(site_page: str) -> None:
    """200 kB for a host with one GPU, all levels, in two places: a site of a hundred is still a page."""
    assert len(section(site_page, "gpu01")) < 200_000


def test_what_runs_on_a_host_is_as_the_checks_noted_it(site_page: str) -> None:
    said = words(section(site_page, "gpu01"))
    for pair in (
        "ROCm 7.2.4 (classic, /opt/rocm)",
        "PyTorch on the host 2.13.0+rocm7.2, HIP 7.2.53211",
        "Docker Engine 26.1.5",
    ):
        assert pair in said


def test_without_notes_the_snapshot_is_what_is_known() -> None:
    one = HostReport("gpu01", results=(Result("a.b", PASS),), snapshot={"kernel": {"release": "6.12"}})
    assert html.known(one) == {"Kernel": "6.12"}


def test_a_page_of_many_hosts_is_drawn_as_it_is_scrolled() -> None:
    def page_of(number: int) -> str:
        hosts = tuple(HostReport(f"gpu{at:03}", results=(Result("a.b", PASS),)) for at in range(number))
        return html.render(RunReport("verify", "", "", None, None, hosts))

    assert '<main class="many">' in page_of(21)
    assert "<main>" in page_of(20)
