"""A container made otherwise than planned, and the planned one back: what a person does with `docker run` by hand."""

from __future__ import annotations

import textwrap

from tests.lab.conftest import LabHost

_HEAD = """
import sys
sys.path.insert(0, "/opt/gpuhost")
from verify.engine import Engine
engine, name = Engine(), "{name}"
"""
_MAKE = """
found = engine.container(name)
networks = found["NetworkSettings"]["Networks"]
body = {{**found["Config"], "HostConfig": found["HostConfig"]}}
body["NetworkingConfig"] = {{"EndpointsConfig": {{one: {{"Aliases": networks[one]["Aliases"]}} for one in networks}}}}
host, env = body["HostConfig"], body["Env"]
{change}
engine.post(f"/containers/{{name}}/stop?t=2")
engine.post(f"/containers/{{name}}/rename?name={{name}}-kept")
engine.post(f"/containers/create?name={{name}}", body)
engine.post(f"/containers/{{name}}/start")
"""
_BACK = """
engine.delete(f"/containers/{name}?force=1")
engine.post(f"/containers/{name}-kept/rename?name={name}")
engine.post(f"/containers/{name}/start")
"""


def make(host: LabHost, name: str, change: str) -> None:
    """The container runs as ``change`` says, which sees ``host`` (its HostConfig), ``env`` and all of its ``body``; the
    planned one is kept."""
    _run(host, _HEAD.format(name=name) + _MAKE.format(change=textwrap.dedent(change)))


def back(host: LabHost, name: str) -> None:
    """The planned container runs again."""
    _run(host, _HEAD.format(name=name) + _BACK)


def _run(host: LabHost, program: str) -> None:
    host.run(f"python3 - <<'EOF'\n{program}\nEOF")
