"""The HTML report as a browser renders it: it fits, it is legible in both colour schemes, and nothing leaves the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from control import report
from tests.browser.chromium import Page
from tests.unit.report import run_folder

pytestmark = pytest.mark.lab

WIDTHS = (360, 390, 768, 1280)

#: Elements whose text does not fit their box, or that reach past the window.
OVERFLOWING = """
[...document.querySelectorAll('body *')]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.hidden') && e.checkVisibility())
  .map(e => e.className + ': ' + e.textContent.trim().slice(0, 40))
"""

#: Contrast of each visible text against what is painted behind it (WCAG 2.2, 1.4.3).
LOW_CONTRAST = """
(() => {
  const rgb = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => { const f = (v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    return .2126 * f(r) + .7152 * f(g) + .0722 * f(b); };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  const bad = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility()) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) bad.push(e.className + ': ' + e.textContent.trim().slice(0, 40));
  }
  return bad;
})()
"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with Page() as browser:
        yield browser


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report.write(run_folder.write(tmp_path_factory.mktemp("run")))["html"]


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_reaches_past_the_window(page: Page, html: Path, width: int) -> None:
    page.open(html, width)
    page.js("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.js("innerWidth") == width
    assert page.js(OVERFLOWING) == []
    assert page.js("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_can_be_told_from_its_background(page: Page, html: Path, dark: bool) -> None:
    page.open(html, 1280, dark=dark)
    page.js("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.js(LOW_CONTRAST) == []


def test_dark_and_light_differ(page: Page, html: Path) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    page.open(html, 1280)
    light = page.js(background)
    page.open(html, 1280, dark=True)
    assert page.js(background) != light


def test_no_request_leaves_the_page(page: Page, html: Path) -> None:
    page.requests.clear()
    page.open(html, 1280)
    assert [url for url in page.requests if not url.startswith("data:")] == [html.as_uri()]


def test_the_first_screen_of_a_phone_says_simulated_and_the_verdicts(page: Page, html: Path) -> None:
    page.open(html, 390, height=844)
    top = "document.querySelector('[data-banner=simulated] b').getBoundingClientRect()"
    assert 0 < page.js(f"{top}.top") < 844
    assert page.js("document.querySelector('.verdict').getBoundingClientRect().top") < 844
    verdicts = page.js("[...document.querySelectorAll('.verdict')].map(v => v.querySelector('.words').innerText)")
    assert verdicts == [
        "works as far as can be seen without a GPU — SIMULATED",
        "certified",
        "not certified",
        "not certified",
    ]


def test_the_failed_area_is_open_and_the_others_open_on_a_click(page: Page, html: Path) -> None:
    page.open(html, 1280)
    opened = "[...document.querySelectorAll('details[open] .name')].map(n => n.innerText)"
    assert page.js(opened) == ["Containers"]
    page.js("document.querySelector('#host-1 details summary').click()")
    assert page.js(opened) == ["System", "Containers"]
    assert page.js("document.querySelector('#host-1 details .row').checkVisibility()")


def test_a_verdict_leads_to_its_host(page: Page, html: Path) -> None:
    page.open(html, 390)
    targets = page.js(
        "[...document.querySelectorAll('a.verdict')].map(a => [a.querySelector('h2').innerText, "
        "document.querySelector(a.hash).querySelector('h2').innerText.split(' ')[0]])"
    )
    assert len(targets) == 4
    assert all(name == leads_to for name, leads_to in targets)


def test_what_a_host_prints_never_becomes_markup(page: Page, html: Path) -> None:
    page.open(html, 1280)
    assert page.js("document.scripts.length") == 0
    assert run_folder.HOSTILE in page.js("document.body.innerText")
