"""An interpreter with PyTorch for processors: the one that GPUHOST_TORCH_PYTHON names, else one made here, once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from control import support
from control.paths import ROOT

HOME = ROOT / ".lab" / "torch"


@pytest.fixture(scope="session")
def torch_python() -> Path:
    """The interpreter; pip's own settings say where packages come from."""
    named = os.environ.get("GPUHOST_TORCH_PYTHON")
    python = Path(named) if named else HOME / "bin" / "python"
    if not named and not (HOME / "complete").exists():
        row = support.load().torch_rows("cpu")[0]
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(HOME)], check=True)
        # Where torch is told nothing it brings CUDA: three gigabytes that no processor needs.
        index = [] if os.environ.get("PIP_INDEX_URL") or _has_settings(python) else ["--extra-index-url", str(row.index_url)]
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *index, f"{row.requirement}", "numpy"], check=True)
        (HOME / "complete").touch()
    done = subprocess.run([str(python), "-c", "import torch; print(torch.__version__)"], capture_output=True, text=True)
    assert done.returncode == 0, f"{python} has no PyTorch: {done.stderr}"
    return python


def _has_settings(python: Path) -> bool:
    """Whether pip on this machine is told an index already."""
    done = subprocess.run([str(python), "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    return "index-url" in done.stdout
