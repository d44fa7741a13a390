"""Packs the stand-in of Ollama as its maker packs a release: `bin/ollama`, `lib/ollama/…`, and ROCm's part by itself.

What llama.cpp needs comes along, its dynamic loader too: hosts are older than the system that this is built from. Python is
the host's own. The same content gives the same bytes.

    pack.py FOLDER BASE-ARCHIVE ROCM-ARCHIVE
"""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import sys
import tarfile
from pathlib import Path

PROGRAM = Path("/usr/bin/llama-server")
BACKENDS = Path("/usr/lib/x86_64-linux-gnu/ggml/backends0")
STAND_IN = Path("/usr/lib/gpuhost-lab/ollama_standin")
SHARED = Path("/usr/share/gpuhost-lab")
#: Where it all lies in an archive.
HOME = "lib/ollama/gpuhost-lab"
NOTICE = "gpuhost's lab: a STAND-IN for a release of Ollama. It computes on the CPU; nothing of ROCm is in it.\n"

OLLAMA = f"""#!/bin/sh
# {NOTICE.strip()}
here=$(dirname "$(readlink -f "$0")")/../{HOME}
export PYTHONPATH="$here" PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
export PATH="$here/bin:$PATH" LAB_LIBRARY="$here/share/library"
exec /usr/bin/python3 -m ollama_standin "$@"
"""
#: The backends are looked for beside the program, which to the kernel is the loader.
LLAMA = """#!/bin/sh
lib=$(dirname "$(readlink -f "$0")")/../lib
exec "$lib/ld-linux-x86-64.so.2" --library-path "$lib" "$lib/llama-server" "$@"
"""


def main(folder: Path, base: str, rocm: str) -> None:
    """Both archives are in ``folder``, with the list of their digests as the maker has it."""
    folder.mkdir(parents=True)
    files: dict[str, bytes] = {"STAND-IN": NOTICE.encode(), "bin/ollama": OLLAMA.encode()}
    files[f"{HOME}/bin/llama-server"] = LLAMA.encode()
    for path in sorted([*libraries(), *BACKENDS.glob("*.so"), PROGRAM]):
        files[f"{HOME}/lib/{path.name}"] = path.read_bytes()
    for top, name in ((STAND_IN, "ollama_standin"), (SHARED, "share")):
        for path in sorted(path for path in top.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
            files[f"{HOME}/{name}/{path.relative_to(top)}"] = path.read_bytes()
    archives = {base: files, rocm: {"lib/ollama/rocm_v7_2/STAND-IN": NOTICE.encode()}}
    sums = {name: pack(folder / name, content) for name, content in archives.items()}
    (folder / "sha256sum.txt").write_text("".join(f"{digest}  ./{name}\n" for name, digest in sums.items()))


def libraries() -> set[Path]:
    """Every shared library that the program and its backends load, and the loader."""
    found = set()
    for path in (PROGRAM, *BACKENDS.glob("*.so")):
        said = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=True).stdout
        found |= {Path(match) for match in re.findall(r"(/\S+\.so\S*)", said)}
    return found


def pack(path: Path, content: dict[str, bytes]) -> str:
    """The archive has this content; its digest. No time and no owner is in it."""
    with tarfile.open(path, "w:zst") as archive:
        for name, data in sorted(content.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755 if "/bin/" in f"/{name}" or "/lib/" in name else 0o644
            archive.addfile(entry, io.BytesIO(data))
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
