"""The HTML pages as a browser renders them: they fit, they are legible in both colour schemes, and nothing leaves them.

Two runs: one of three hosts with plots and a comparison, of which one failed, and one with a host that is simulated and
one out of reach; and the list of the site's runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from control import report
from tests.browser.chromium import Page
from tests.unit.report import run_folder, site_folder

pytestmark = pytest.mark.lab

WIDTHS = (360, 390, 768, 1400)

OPEN_ALL = "document.querySelectorAll('details').forEach(d => d.open = true)"

#: Elements that reach past the window; an SVG's parts where they reach past their card.
OVERFLOWING = """
[...document.querySelectorAll('body *')]
  .filter(e => e.checkVisibility() && !e.closest('.hidden'))
  .filter(e => e.getBoundingClientRect().right > 1 +
    (e.closest('svg') ? e.closest('.card').getBoundingClientRect().right : innerWidth))
  .map(e => e.getAttribute('class') + ': ' + e.textContent.trim().slice(0, 40))
"""

#: Contrast of each visible text, and of each line and point of a plot, against what is painted behind it
#: (WCAG 2.2, 1.4.3 and 1.4.11).
LOW_CONTRAST = """
(() => {
  const rgb = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => { const f = (v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    return .2126 * f(r) + .7152 * f(g) + .0722 * f(b); };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  const bad = [], look = (e, color, least) => {
    const [a, b] = [light(rgb(color)), light(behind(e))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < least) bad.push(e.getAttribute('class') + ': ' + e.textContent.trim().slice(0, 40)); };
  for (const e of document.querySelectorAll('body *')) {
    if (!e.checkVisibility() || e.tagName === 'title') continue;
    const style = getComputedStyle(e);
    if (e.matches('.series .line')) look(e, style.stroke, 3);
    if (e.matches('.dot')) look(e, style.fill, 3);
    if ([...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
      look(e, e.closest('svg') ? style.fill : style.color, 4.5);
  }
  return bad;
})()
"""

#: The smallest letters of the plots, in CSS pixels as they are shown.
SMALLEST_LETTERS = """
Math.min(...[...document.querySelectorAll('svg')].filter(s => s.checkVisibility()).map(s =>
  s.getBoundingClientRect().width / s.viewBox.baseVal.width *
  parseFloat(getComputedStyle(s.querySelector('text')).fontSize)))
"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with Page() as browser:
        yield browser


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    site = tmp_path_factory.mktemp("reports") / "north"
    three = site_folder.write(site)
    for stamp in site_folder.EARLIER:
        report.write(site / stamp)
    mixed = run_folder.write(tmp_path_factory.mktemp("reports") / "north" / run_folder.STARTED)
    written = report.write(three)
    return {"three": written["html"], "list": written["index"], "mixed": report.write(mixed)["html"]}


@pytest.fixture(params=["three", "mixed", "list"])
def html(reports: dict[str, Path], request: pytest.FixtureRequest) -> Path:
    return reports[request.param]


@pytest.fixture
def three(reports: dict[str, Path]) -> Path:
    return reports["three"]


@pytest.fixture
def mixed(reports: dict[str, Path]) -> Path:
    return reports["mixed"]


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_reaches_past_the_window(page: Page, html: Path, width: int) -> None:
    page.open(html, width)
    page.js(OPEN_ALL)
    assert page.js("innerWidth") == width
    assert page.js(OVERFLOWING) == []
    assert page.js("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_and_line_can_be_told_from_its_background(page: Page, html: Path, dark: bool, width: int) -> None:
    page.open(html, width, dark=dark)
    page.js(OPEN_ALL)
    assert page.js(LOW_CONTRAST) == []


def test_from_the_list_of_runs_a_reader_comes_to_a_host_of_an_earlier_run_and_back(
    page: Page, reports: dict[str, Path]
) -> None:
    page.open(reports["list"], 360)
    page.follow("[href$='#host-gpu02']:not(h2 a)")
    assert page.js("location.pathname.split('/').at(-2)") == site_folder.EARLIER[0]
    assert page.js("document.querySelector(decodeURIComponent(location.hash)).querySelector('h2').innerText") == "gpu02"
    page.follow(".all")
    assert page.js("document.querySelector('h1').innerText") == "Runs of north"


def test_dark_and_light_differ(page: Page, three: Path) -> None:
    colours = (
        "[getComputedStyle(document.body).backgroundColor, "
        "getComputedStyle(document.querySelector('.chart .series .line')).stroke, "
        "getComputedStyle(document.querySelector('.chart text')).fill]"
    )
    page.open(three, 1400)
    light = page.js(colours)
    page.open(three, 1400, dark=True)
    assert all(one != other for one, other in zip(light, page.js(colours), strict=True))


def test_on_paper_it_is_dark_on_white_whatever_the_screen_is(page: Page, three: Path) -> None:
    page.open(three, 800, dark=True, media="print")
    assert page.js("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.js(LOW_CONTRAST) == []
    assert page.js("getComputedStyle(document.querySelector('.all')).display") == "none"


def test_no_request_leaves_the_page(page: Page, html: Path) -> None:
    page.requests.clear()
    page.open(html, 1400)
    assert [url for url in page.requests if not url.startswith("data:")] == [html.as_uri()]


@pytest.mark.parametrize("width", [360, 768, 1400])
def test_the_letters_of_a_plot_can_be_read(page: Page, three: Path, width: int) -> None:
    page.open(three, width)
    page.js(OPEN_ALL)
    assert page.js(SMALLEST_LETTERS) >= 8


def test_the_first_screen_says_how_many_hosts_are_certified_and_which_is_not(page: Page, three: Path) -> None:
    page.open(three, 360, height=740)
    seen = "[...document.querySelectorAll('.headline, .tile, .verdict:first-child .words')]"
    assert page.js(f"{seen}.every(e => e.getBoundingClientRect().bottom < 740)")
    assert page.js(f"{seen}.map(e => e.innerText.replace(/\\s+/g, ' '))") == [
        "1 of 3 hosts is certified, 1 is certified with warnings, 1 is not certified.",
        "1 certified",
        "1 certified with warnings",
        "1 not certified",
        "not certified",
    ]
    assert page.js("document.querySelector('.verdict h2').innerText") == "gpu02"


def test_the_first_screen_of_a_phone_says_simulated(page: Page, mixed: Path) -> None:
    page.open(mixed, 390, height=844)
    top = "document.querySelector('[data-banner=simulated] b').getBoundingClientRect()"
    assert 0 < page.js(f"{top}.top") < 844
    verdicts = page.js("[...document.querySelectorAll('.verdict')].map(v => v.querySelector('.words').innerText)")
    assert verdicts == [
        "not certified",
        "not certified",
        "works as far as can be seen without a GPU — SIMULATED",
        "certified",
    ]


def test_the_failed_area_is_open_and_the_others_open_on_a_click(page: Page, mixed: Path) -> None:
    page.open(mixed, 1400)
    opened = "[...document.querySelectorAll('.area[open] .name')].map(n => n.innerText)"
    assert page.js(opened) == ["Containers"]
    page.click("#host-gpu01 .area summary")
    assert page.js(opened) == ["Containers", "System"]
    assert page.js("document.querySelector('#host-gpu01 .area .row').checkVisibility()")


@pytest.mark.parametrize("width", [360, 1400])
def test_what_is_folded_opens_on_a_click(page: Page, three: Path, width: int) -> None:
    page.open(three, width)
    for folded, inside in (
        ("#host-gpu02 .failures .more", ".failure"),
        ("#host-gpu01 .place:not([open])", "svg"),
        (".explain", "dd"),
    ):
        shown = f"document.querySelector({folded + ' ' + inside!r})?.checkVisibility()"
        if folded.endswith(":not([open])"):
            page.js(f"document.querySelector({folded!r}).id = 'folded'")
            folded, shown = "#folded", f"document.querySelector('#folded {inside}').checkVisibility()"
        assert not page.js(shown)
        page.click(f"{folded} summary")
        assert page.js(shown)


@pytest.mark.parametrize("width", [360, 1400])
def test_a_verdict_leads_to_its_host(page: Page, three: Path, width: int) -> None:
    page.open(three, width)
    for name in site_folder.HOSTS:
        page.js("scrollTo(0, 0)")
        page.click(f".verdict[href='#host-{name}']")
        assert page.js("decodeURIComponent(location.hash)") == f"#host-{name}"
        assert page.js(f"document.querySelector('#host-{name} h2').innerText") == name


def test_the_comparison_is_beside_the_plots_of_the_host_that_failed(page: Page, three: Path) -> None:
    page.open(three, 1400)
    said = page.js("document.querySelector('#host-gpu02 .compared').innerText.replace(/\\s+/g, ' ')")
    for fact in ("Since the run of 2026-11-02", "-37 %", "6.12.57+deb13-amd64", "containers.ollama.running pass → ✗ fail"):
        assert fact in said
    shown = "[...document.querySelectorAll('#host-gpu02 .place[open] svg')].filter(s => s.checkVisibility())"
    sizes = page.js(f"{shown}.map(s => {{ const b = s.getBoundingClientRect(); return [b.width, b.height] }})")
    assert len(sizes) >= 19 + 4
    assert all(width > 250 and height > 90 for width, height in sizes)


def test_a_point_tells_its_value_to_a_pointer_that_rests_on_it(page: Page, three: Path) -> None:
    page.open(three, 1400)
    tip = page.js("document.querySelector('#host-gpu02 .dot.bad').parentElement.querySelector('title').textContent")
    assert tip.endswith("TFLOP/s, failed")
    page.js("document.querySelector('#host-gpu02 .dot.bad').scrollIntoView({block: 'center', behavior: 'instant'})")
    on_top = page.js(
        "(() => { const b = document.querySelector('#host-gpu02 .dot.bad').getBoundingClientRect();"
        "return document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2).getAttribute('class') })()"
    )
    assert on_top == "dot bad"


def test_what_a_host_prints_never_becomes_markup(page: Page, mixed: Path) -> None:
    page.open(mixed, 1400)
    assert page.js("document.scripts.length") == 0
    assert run_folder.HOSTILE in page.js("document.body.innerText")
