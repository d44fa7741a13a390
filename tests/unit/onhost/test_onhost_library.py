"""The code that units run is whole, also when it came out of the archive that Ansible sends."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from control.paths import ROOT
from onhost import library, paths

# What Ansible's archive looks like: the two folders below ansible/module_utils.
INSIDE = """
import sys
sys.path.insert(0, sys.argv[1])
from ansible.module_utils.onhost import library
library.install()
"""


def everything_imports(folder: Path) -> None:
    """A bare Python finds all that the units need in ``folder``, and nothing of this repository."""
    code = "import onhost.runner, onhost.kinds, onhost.model_server, sys; print(onhost.runner.__file__)"
    # -I: neither this folder, nor PYTHONPATH, nor a user's packages.
    argv = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {code}"]
    shown = subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/")
    assert shown.returncode == 0, shown.stderr
    assert str(folder) in shown.stdout


def test_the_library_holds_all_that_units_import(root: Path) -> None:
    library.install()
    everything_imports(paths.library())


def test_the_library_can_be_unpacked_out_of_ansible_s_archive(root: Path, tmp_path: Path) -> None:
    archive = tmp_path / "module.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("ansible/__init__.py", "")
        packed.writestr("ansible/module_utils/__init__.py", "")
        for folder in ("onhost", "verify"):
            for path in (ROOT / folder).rglob("*.py"):
                packed.write(path, f"ansible/module_utils/{path.relative_to(ROOT)}")
    environment = {"PATH": os.environ["PATH"], "GPUHOST_ROOT": str(root)}
    argv = [sys.executable, "-I", "-c", INSIDE, str(archive)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert (paths.library() / "onhost/runner.py").read_bytes() == (ROOT / "onhost/runner.py").read_bytes()
    everything_imports(paths.library())


def test_only_what_differs_is_written(root: Path) -> None:
    library.install()
    runner = paths.library() / "onhost/runner.py"
    before = runner.stat().st_ino
    (paths.library() / "onhost/steps.py").write_text("old")
    (paths.library() / "onhost/kinds.py").write_text("old")
    library.install()
    assert runner.stat().st_ino == before
    assert "KINDS" in (paths.library() / "onhost/kinds.py").read_text()
