"""`services` says how to get at JupyterLab, with a browser and with VS Code, and tells no token."""

from __future__ import annotations

import pytest
from rich.console import Console

from control import planner, support
from control.commands import connect
from tests.unit.planner.conftest import snapshot, wishes


def plan(**wanted: object) -> dict[str, object]:
    return planner.plan(snapshot("debian-12-rx6600"), wishes(**wanted), support.load(), "gpu01").as_dict()


def test_addresses_for_a_browser_and_for_vs_code_and_the_way_to_the_token() -> None:
    found = connect.ways("gpu01", plan(services_ports={"jupyter": 9999}))
    assert found is not None
    assert found["browser"] == "http://127.0.0.1:9999/lab"
    assert found["vscode"] == "http://127.0.0.1:9999/"
    assert found["token"] == "./gpuhost services secrets gpu01"
    assert found["ssh"] == "ssh -N -L 9999:127.0.0.1:9999 gpu01"
    assert "ms-toolsai.jupyter" in found["extensions"]


def test_every_line_can_be_copied_whole(capsys: pytest.CaptureFixture[str]) -> None:
    found = connect.ways("gpu01", plan())
    assert found is not None
    connect.show(Console(width=40), "gpu01", found)
    out = capsys.readouterr().out
    assert "code --install-extension ms-python.python --install-extension ms-toolsai.jupyter " in out
    assert "Existing Jupyter Server" in out


def test_a_host_without_jupyterlab_has_nothing_to_say() -> None:
    assert connect.ways("gpu01", plan(services_enabled=["ollama"])) is None
    assert connect.ways("gpu01", {}) is None


def test_with_a_gateway_the_way_through_it_is_told_too() -> None:
    found = connect.ways("gpu01", plan(gateway_enabled=True))
    assert found is not None
    assert found["gateway"]["browser"] == "https://192.0.2.7:18888/lab"
    assert found["gateway"]["vscode"] == "https://192.0.2.7:18888/?token=KEY"
    alone = connect.ways("gpu01", plan())
    assert alone is not None
    assert "gateway" not in alone
