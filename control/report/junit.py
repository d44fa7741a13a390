"""``junit.xml``: one suite per host, one case per check, so that a CI server shows them. What is unverifiable
is skipped.
"""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

from control.report.compare import SLOWER
from control.report.model import HostReport, RunReport, area_of
from control.report.sentences import since
from verify.result import FAIL, UNVERIFIABLE, Result


def render(report: RunReport) -> str:
    """The run in the form that JUnit's own reports have; a host without results is a suite with one error."""
    root = ET.Element("testsuites", name=f"gpuhost {report.command}".strip())
    for host in report.hosts:
        root.append(_suite(host))
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    if report.seconds is not None:
        root.set("time", str(report.seconds))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(host: HostReport) -> ET.Element:
    suite = ET.Element("testsuite", name=host.name, hostname=host.name)
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(host).items():
        ET.SubElement(properties, "property", name=name, value=_clean(value))
    suite.extend([*(_case(host, result) for result in host.results or ()), *_verdict(host)])
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite.findall("testcase"))))
    if host.duration_s is not None:
        suite.set("time", str(host.duration_s))
    if host.taken_at:
        suite.set("timestamp", host.taken_at.removesuffix("Z"))
    return suite


def _properties(host: HostReport) -> dict[str, str]:
    said = {"verdict": host.verdict.words, "reason": host.verdict.reason, "simulated": str(host.simulated).lower()}
    if host.level:
        said["level"] = host.level
    if host.comparison:
        said |= {"compared_with": host.comparison.previous.run, "since_then": since(host.comparison)}
        slower = host.comparison.of(SLOWER)
        said |= {f"slower.{change.id}": f"{change.ratio:.3f}" for change in slower}
    return said


def _verdict(host: HostReport) -> list[ET.Element]:
    """A case of its own for a host that is not certified though no check failed: a server must not show it as green."""
    if host.verdict.level in ("certified", "warnings") or host.of(FAIL):
        return []
    case = ET.Element("testcase", classname=host.name, name="checks" if host.results is None else "verdict")
    kind = "skipped" if host.verdict.level == "simulated" else "error"
    ET.SubElement(case, kind, message=_clean(f"{host.verdict.words}: {host.verdict.reason}"))
    return [case]


def _case(host: HostReport, result: Result) -> ET.Element:
    case = ET.Element("testcase", classname=f"{host.name}.{area_of(result)}", name=result.id)
    said = f"{result.why}\nseen: {_text(result.seen)}\nwanted: {_text(result.wanted)}\nnext: {result.next}"
    if result.status == FAIL:
        ET.SubElement(case, "failure", message=_clean(result.why)).text = _clean(said)
    elif result.status == UNVERIFIABLE:
        ET.SubElement(case, "skipped", message=_clean(result.why))
    return case


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _clean(text: str) -> str:
    """Without the characters that XML 1.0 cannot hold: a tool's colours, halves of surrogate pairs."""
    return "".join(sign for sign in text if (sign >= " " or sign in "\n\t") and not "\ud800" <= sign <= "\udfff")
