"""Programs of a host for tests: systemd-run and systemctl that keep units as files, an apt-get that edits dpkg's status.

Each is a small shell script on PATH; what they keep is below ``$FAKE``.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
import time
from pathlib import Path

SYSTEMD_RUN = """#!/bin/sh
for argument; do
  case $argument in
    --unit=*) unit=${argument#--unit=};;
    --property=WorkingDirectory=*) folder=${argument#--property=WorkingDirectory=};;
    --property=StandardOutput=append:*) log=${argument#--property=StandardOutput=append:};;
    --setenv=*) export "${argument#--setenv=}";;
  esac
  step=$argument
done
echo "$*" >> "$FAKE/started"
if [ -e "$FAKE/units/$unit" ]; then echo "Unit $unit was already loaded or has a fragment file." >&2; exit 1; fi
touch "$FAKE/units/$unit"
cd "$folder" || exit 1
setsid sh -c '
  echo $$ > "$FAKE/pid"
  "$PYTHON" -m onhost.runner "$1"
  rm -f "$FAKE/units/$2"
' sh "$step" "$unit" >> "$log" 2>&1 < /dev/null &
"""

SYSTEMCTL = """#!/bin/sh
echo "$*" >> "$FAKE/systemctl"
case $1 in
  show) for unit; do :; done
    case $unit in
      *'*'*) # a pattern: every unit that is loaded, those of $FAKE/installed too
        for one in "$FAKE"/units/* "$FAKE"/installed/*; do
          [ -e "$one" ] || continue
          case $one in */units/*) transient=yes;; *) transient=no;; esac
          printf 'Id=%s\\nActiveState=active\\nTransient=%s\\n\\n' "$(basename "$one")" "$transient"
        done;;
      *) if [ -e "$FAKE/units/$unit" ]; then echo active; else echo inactive; fi;;
    esac;;
esac
true
"""

# Installs by adding a paragraph to dpkg's status; waits at 50 % while $FAKE/hold is there.
APT_GET = """#!/bin/sh
echo "$*" >> "$FAKE/apt"
all=" $* "
for argument; do
  case $argument in
    APT::Status-Fd=*) fd=${argument#APT::Status-Fd=};;
    Acquire::https::CAInfo=*) cat "${argument#*=}" >> "$FAKE/authorities";;
  esac
  package=$argument
done
case $all in
  *" update "*) cat "$FAKE/update" 2>/dev/null; exit 0;;
  *" --print-uris "*) echo "'http://mirror/$package.deb' $package.deb 1000 SHA256:00"; exit 0;;
  *" -s "*)
    cat "$FAKE/simulation" 2>/dev/null && exit "$(cat "$FAKE/simulation.rc" 2>/dev/null || echo 0)"
    echo "Inst $package (1.0 Debian:12 [amd64])"; exit 0;;
esac
echo "dlstatus:1:50.0:Retrieving file 1 of 1" > "/dev/fd/$fd"
while [ -e "$FAKE/hold" ]; do sleep 0.02; done
if [ -e "$FAKE/failure" ]; then cat "$FAKE/failure"; exit 100; fi
echo "pmstatus:$package:80.0:Installing $package" > "/dev/fd/$fd"
printf '\\nPackage: %s\\nStatus: install ok installed\\nVersion: 1.0\\n' "$package" >> "$GPUHOST_ROOT/var/lib/dpkg/status"
"""


# Says what $FAKE/policy holds.
APT_CACHE = """#!/bin/sh
cat "$FAKE/policy" 2>/dev/null
true
"""


# Prints the rules in $FAKE/rules; a table that is not there is an error, as with the real one.
NFT = """#!/bin/sh
cat "$FAKE/rules" 2>/dev/null || { echo "Error: No such file or directory" >&2; exit 1; }
"""


class FakeHost:
    """The fakes of one test, and what they noted."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        for sub in ("bin", "units", "installed"):
            (folder / sub).mkdir(parents=True)
        programs = {"systemd-run": SYSTEMD_RUN, "systemctl": SYSTEMCTL, "nft": NFT}
        programs |= {"apt-get": APT_GET, "apt-cache": APT_CACHE}
        for name, text in programs.items():
            script = folder / "bin" / name
            script.write_text(text)
            script.chmod(script.stat().st_mode | stat.S_IXUSR)
        environment.update(FAKE=str(folder), PYTHON=sys.executable, PATH=f"{folder / 'bin'}:{os.environ['PATH']}")

    def say(self, name: str, text: str = "") -> None:
        """One of the files that decide what a fake does."""
        (self.folder / name).write_text(text)

    def noted(self, name: str) -> list[str]:
        """How often, and with what, a fake was called."""
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def wait_for(self, path: Path, text: str) -> None:
        """``path`` holds ``text`` soon."""
        deadline = time.monotonic() + 20
        while not (path.exists() and text in path.read_text()):
            assert time.monotonic() < deadline, f"{path} never held {text}"
            time.sleep(0.01)

    def kill_unit(self) -> None:
        """What a power cut does: the unit's processes are gone at once, and nobody cleaned up."""
        os.killpg(int((self.folder / "pid").read_text()), signal.SIGKILL)
        for unit in (self.folder / "units").iterdir():
            unit.unlink()
