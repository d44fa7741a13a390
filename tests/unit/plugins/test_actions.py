"""Every action plugin as Ansible loads it: by path, in a process that does not know this repository."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from control.paths import ROOT

ACTIONS = sorted(path.stem for path in (ROOT / "plugins" / "action").glob("*.py"))
LOAD = """
import json, sys
from ansible.plugins.loader import action_loader
action_loader.add_directory(sys.argv[1])
found = {}
for name in sys.argv[2:]:
    plugin = action_loader.get(name, class_only=True)
    found[name] = [one.__module__ + "." + one.__name__ for one in plugin.__mro__] if plugin else []
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    """The classes that each action is made of."""
    command = [sys.executable, "-I", "-c", LOAD, str(ROOT / "plugins" / "action"), *ACTIONS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_stands_on_what_all_of_them_share(name: str, loaded: dict[str, list[str]]) -> None:
    assert "control.action.Action" in loaded[name]
