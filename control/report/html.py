"""``report.html``: one page that needs nothing else, for a phone, a desk and a printer, light and dark."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from control.report import cards, curves, fleet, sentences, values
from control.report.compare import FASTER, SAME, SLOWER
from control.report.model import HostReport, RunReport, area_of
from control.report.words import AREAS, FACTS, fact, measured, place
from verify.result import FAIL, PASS, UNVERIFIABLE, Result

WORDS = {PASS: "pass", FAIL: "fail", UNVERIFIABLE: "not verifiable here"}


def render(report: RunReport, linked: bool = False) -> str:
    """The page as text. It loads nothing and runs no script.

    :param linked: the page lies in its run's folder, so it may lead to the other runs beside it.
    """
    return environment().get_template("report.html.j2").render(report=report, linked=linked)


@cache
def environment() -> Environment:
    """The templates, with all that they call."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        areas=AREAS,
        words=WORDS,
        marks={PASS: "✓", FAIL: "✗", UNVERIFIABLE: "?"},
        LEVEL_MARKS={"certified": "✓", "warnings": "!", "simulated": "s", "unverified": "?", "failed": "✗"},
        statuses=(PASS, FAIL, UNVERIFIABLE),
        TALLY=sentences.TALLY,
        SLOWER=SLOWER,
        FASTER=FASTER,
        SAME=SAME,
        known=known,
        tunnel=tunnel,
        worst=worst,
        in_order=in_order,
        leading=leading,
        tally=sentences.tally,
        headline=sentences.headline,
        gpus=sentences.gpus,
        since=sentences.since,
        rate_cards=cards.rates,
        endurances=curves.endurances,
        kinds=fleet.kinds,
        fact=fact,
        measured=measured,
        place=place,
        short=values.short,
        plain=values.plain,
        value=values.cell,
        when=values.when,
        duration=values.duration,
        count=values.count,
        percent=values.percent,
    )
    made.filters["commands"] = commands
    return made


def commands(text: str) -> Markup:
    """A sentence with what stands between backticks as code; everything is escaped."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    code = Markup("<code>{}</code>")
    return Markup("").join(code.format(part) if at % 2 else escape(part) for at, part in enumerate(parts))


def in_order(results: list[Result]) -> list[Result]:
    """Failures first, the rest as the checks gave them."""
    return sorted(results, key=lambda result: result.status != FAIL)


def leading(failed: list[Result]) -> tuple[list[Result], list[Result]]:
    """The first failure of each area, and the others, which are mostly alike."""
    first = {area_of(result): result for result in reversed(failed)}.values()
    return [result for result in failed if result in first], [result for result in failed if result not in first]


def worst(results: list[Result]) -> str:
    """The status that an area shows: a failure before what is unverifiable, and that before a pass."""
    found = {result.status for result in results}
    return next(status for status in (FAIL, UNVERIFIABLE, PASS) if status in found)


def known(host: HostReport) -> dict[str, str]:
    """What runs on a host, by name: as its checks noted it, else its system and kernel by its snapshot."""
    system, kernel = host.snapshot.get("os") or {}, host.snapshot.get("kernel") or {}
    told = {"system": str(system.get("pretty_name") or ""), "kernel": str(kernel.get("release") or "")}
    found = dict(host.facts) or told
    order = sorted(found, key=lambda id: list(FACTS).index(id.partition(".")[0]) if id.partition(".")[0] in FACTS else 99)
    return {fact(id): found[id] for id in order if found[id] and not id.startswith("gpu")}


def tunnel(host: HostReport) -> str:
    """The command that brings a host's services to the reader's own machine, ``""`` when they are not on loopback."""
    ports = [urlsplit(service.url) for service in host.services]
    forwards = [f"-L {url.port}:{url.hostname}:{url.port}" for url in ports if url.hostname in ("127.0.0.1", "::1")]
    return f"ssh -N {' '.join(forwards)} {host.name}" if forwards else ""
