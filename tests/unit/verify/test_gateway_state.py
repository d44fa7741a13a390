"""What the front page is given to show."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from control.lab.keys import Authority
from verify import gateway_state
from verify.engine import EngineError
from verify.probes.host import Host

EXPECTED: dict[str, Any] = {
    "gpus": [{"pci": "0000:03:00.0", "name": "Radeon RX 6600", "gfx": "gfx1032"}],
    "services": [
        {"name": "jupyter", "container": "gpuhost-jupyter", "models": [], "model": None, "url": "http://127.0.0.1:1"},
        {"name": "ollama", "container": "gpuhost-ollama", "models": ["tiny"], "model": "tiny", "url": "http://127.0.0.1:1"},
    ],
    "gateway": None,
}


def engine(**containers: Any) -> Any:
    def container(name: str) -> Any:
        found = containers.get(name.removeprefix("gpuhost-"))
        if isinstance(found, Exception):
            raise found
        return found

    return SimpleNamespace(container=container)


def test_a_service_is_as_its_own_health_check_says() -> None:
    healthy = {"State": {"Running": True, "Status": "running", "Health": {"Status": "healthy"}}}
    stopped = {"State": {"Running": False, "Status": "exited", "Health": {"Status": "unhealthy"}}}
    seen = gateway_state.look(EXPECTED, engine(jupyter=healthy, ollama=stopped), Host())
    assert seen["services"]["jupyter"]["state"] == "healthy"
    assert seen["services"]["ollama"]["state"] == "exited"
    assert seen["gpus"] == ["Radeon RX 6600 (gfx1032)"]
    assert seen["ca_sha256"] == ""


def test_a_container_that_is_gone_is_absent_and_a_silent_engine_makes_it_unknown() -> None:
    seen = gateway_state.look(EXPECTED, engine(ollama=EngineError(0, "no engine")), Host())
    assert [one["state"] for one in seen["services"].values()] == ["absent", "unknown"]


def test_a_stand_in_is_called_one() -> None:
    labels = {"Labels": {"org.gpuhost.stand-in": "no real one"}}
    labelled = {"State": {"Running": True, "Status": "running"}, "Config": labels}
    seen = gateway_state.look(EXPECTED, engine(jupyter=labelled), Host())
    assert seen["services"]["jupyter"] == {"state": "running", "stand_in": "no real one", "models": []}


def test_the_fingerprint_is_the_one_that_browsers_show(tmp_path: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    authority = Authority(tmp_path)
    authority.ensure()
    pem = authority.certificate.read_bytes()
    wanted = x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex(":").upper()
    assert gateway_state.fingerprint(authority.certificate) == wanted


@pytest.mark.parametrize("text", [None, "", "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"])
def test_without_a_certificate_there_is_no_fingerprint(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "root.crt"
    if text is not None:
        path.write_text(text)
    assert gateway_state.fingerprint(path) == ""


def test_the_file_is_whole_and_everybody_s_to_read(tmp_path: Path) -> None:
    gateway_state.write(tmp_path / "state.json", {"taken_at": 1})
    assert json.loads((tmp_path / "state.json").read_text()) == {"taken_at": 1}
    assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
