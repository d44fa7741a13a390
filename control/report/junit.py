"""``junit.xml``: one suite per host, one case per check, so that a CI server shows them. What is unverifiable
is skipped.
"""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

from control.report.model import HostReport, RunReport, area_of
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
    suite = ET.Element("testsuite", name=host.name)
    properties = ET.SubElement(suite, "properties")
    for name, value in (("verdict", host.verdict.words), ("simulated", str(host.simulated).lower())):
        ET.SubElement(properties, "property", name=name, value=_clean(value))
    cases = [_case(host, result) for result in host.results or ()]
    errors = []
    if host.results is None:
        errors = [ET.Element("testcase", classname=host.name, name="checks")]
        ET.SubElement(errors[0], "error", message=_clean(host.verdict.reason))
    suite.extend(cases + errors)
    counts = {"tests": len(cases + errors), "failures": len(host.of(FAIL)), "errors": len(errors)}
    for name, count in {**counts, "skipped": len(host.of(UNVERIFIABLE))}.items():
        suite.set(name, str(count))
    if host.duration_s is not None:
        suite.set("time", str(host.duration_s))
    return suite


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
