"""What docs/add-a-service.md tells a newcomer to do, done: two rows in a copy of support/, and not a line of code."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from control import planner, support
from control.paths import ROOT
from tests.unit.planner.conftest import container, snapshot, wishes
from tests.unit.support.test_new_release import put

GUIDE = (ROOT / "docs" / "add-a-service.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```yaml\n# (?P<file>support/\w+\.yml), (?P<where>after [\w-]+)\n(?P<rows>.*?)```", re.DOTALL)


def edited(root: Path, old: str = "", new: str = "") -> support.Table:
    """The truth table with the guide's rows, in which ``old`` is replaced."""
    shutil.copytree(support.SUPPORT_DIR, root / "support")
    for block in BLOCK.finditer(GUIDE):
        path = root / block["file"]
        rows = block["rows"].replace(old, new) if old else block["rows"]
        path.write_text(put(path.read_text(encoding="utf-8"), block["where"], rows), encoding="utf-8")
    return support.load(root / "support")


def plan(table: support.Table, **wanted: Any) -> planner.Plan:
    return planner.plan(snapshot("debian-12-rx6600"), wishes(**wanted), table, "gpu01")


def test_a_new_service_is_two_rows(tmp_path: Path) -> None:
    made = plan(edited(tmp_path), services_enabled=["notes"])
    assert [one["service"] for one in made.roles["services"]["containers"]] == ["ollama", "notes"]
    one = container(made, "notes")
    assert one["image"] == "registry.example/team/notes:2.1"
    assert one["env"] == {"OLLAMA_BASE_URL": "http://ollama.internal:11434"}
    assert one["ports"] == ["127.0.0.1:8090:8090"]
    assert (one["user"], one["cap_drop"]) == ("1000:1000", ["ALL"])
    assert one["secrets"][0]["path"] == "/etc/gpuhost/secrets/notes/session"
    assert {"name": "registry.example/team/notes:2.1", "service": "notes", "pull": True} in made.roles["services"]["images"]
    assert [one.level for one in made.findings if one.level == "refuse"] == []


def test_it_is_proven_like_the_others(tmp_path: Path) -> None:
    from verify.checks import services

    made = plan(edited(tmp_path), services_enabled=["notes", "llamacpp"])
    expected = made.roles["verify"]["expected"]
    (row,) = [one for one in expected["services"] if one["name"] == "notes"]
    assert row["calls"] == ["ollama", "llamacpp"]
    page = {"status": 200, "body": '{"status": true}', "error": ""}
    seen = {"ports": [{"address": "127.0.0.1", "port": 8090}], "services": {"notes": {"health": page}}}
    results = services.judge(seen, {"services": [row]})
    assert {one.id: one.status for one in results} == {
        "services.notes.answers": "pass",
        "services.notes.health": "pass",
        "services.notes.exposure": "pass",
    }


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("gpu: false ", "gpu: false\n    privileged: true ", "services[3] 'notes': privileged: unknown key"),
        ("needs: [ollama]", "needs: [olama]", "'notes': needs: no row 'olama' in services"),
        ("uses: [llamacpp]", "uses: [lamacpp]", "'notes': uses: no row 'lamacpp' in services"),
        ("{address:ollama}", "{adress:ollama}", "'notes': {adress:ollama} means nothing to the planner"),
        ("image: notes", "image: note", "'notes': image: no row 'note' in images"),
    ],
)
def test_what_the_catalogue_does_not_know_stops_the_run(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(support.SupportError) as caught:
        edited(tmp_path, old, new)
    assert said in str(caught.value)
