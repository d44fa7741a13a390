"""Programs for tests of the step `dkms`: an apt-get, dpkg and dkms that keep packages and modules as files.

A package's file is a shell fragment: what it sets is what the fakes do with it. Files in ``$FAKE`` decide what fails.
"""

from __future__ import annotations

import stat
from pathlib import Path

# dpkg's database is kept as paragraphs in its status file, one per package, by name.
COMMON = """#!/bin/sh
status="$GPUHOST_ROOT/var/lib/dpkg/status"
forget() {
  awk -v RS= -v ORS='\\n\\n' -v name="Package: $1" '$0 !~ "^" name "\\n"' "$status" > "$status.new"
  mv "$status.new" "$status"
}
record() { forget "$1"; printf 'Package: %s\\nStatus: %s\\nVersion: %s\\n\\n' "$1" "$3" "$2" >> "$status"; }
version() { awk -v RS= -v name="Package: $1" '$0 ~ "^" name "\\n"' "$status" | sed -n 's/^Version: //p'; }
held() { [ -L "$GPUHOST_ROOT/etc/dkms/no-autoinstall" ]; }
src() { echo "$GPUHOST_ROOT/usr/src/amdgpu-$1"; }
remove_one() {
  echo "remove $1" >> "$FAKE/dpkg"
  if [ "$1" = amdgpu-dkms ]; then
    v=$(version "$1"); rm -rf "$(src "$v")" "$GPUHOST_ROOT/var/lib/dkms/amdgpu"
    rm -f "$GPUHOST_ROOT"/lib/modules/*/updates/dkms/amdgpu.ko*
  fi
  forget "$1"
}
install_one() {
  . "$1"
  echo "install $package $version" >> "$FAKE/dpkg"
  held || echo unheld >> "$FAKE/unheld"
  [ "$package" != amdgpu-dkms ] || { remove_one amdgpu-dkms; mkdir -p "$(src "$version")"; cp "$1" "$(src "$version")/deb";
    printf 'PACKAGE_NAME="amdgpu"\\nPACKAGE_VERSION="%s"\\n' "$version" > "$(src "$version")/dkms.conf"; }
  if [ -e "$FAKE/postinst-fails" ] && [ "$(cat "$FAKE/postinst-fails")" = "$version" ]; then
    record "$package" "$version" "install ok half-configured"
    echo "dpkg: error processing package $package (--configure): No space left on device"; return 1
  fi
  record "$package" "$version" "install ok installed"
}
"""

APT_GET = (
    COMMON
    + """
echo "$*" >> "$FAKE/apt"
all=" $* "
case $all in
  *" update "*) exit 0;;
  *" --print-uris "*) exit 0;;
  *" download "*)
    for argument; do case $argument in *=*) name=${argument%%=*}; version=${argument#*=}
      [ -e "$FAKE/archive/${name}_$version.deb" ] || { echo "E: Version '$version' for '$name' was not found"; exit 100; }
      cp "$FAKE/archive/${name}_$version.deb" .;; esac; done; exit 0;;
  *" -s "*) cat "$FAKE/simulation" 2>/dev/null; exit 0;;
  *" remove "* | *" purge "*)
    for argument; do case $argument in -*|*=*|remove|purge) ;; *) remove_one "$argument";; esac; done; exit 0;;
esac
for argument; do case $argument in
  *.deb) install_one "$argument" || exit 100;;
  -*|*=*|install|update) ;;
  *) record "$argument" 1.0 "install ok installed";;
esac; done
"""
)

APT_CACHE = """#!/bin/sh
for found in "$FAKE/archive/$2"_*.deb; do
  [ -e "$found" ] && { name=$(basename "$found" .deb); echo " $2 | ${name#*_} | http://mirror ./ Packages"; }
done
true
"""

DPKG = (
    COMMON
    + """
echo "dpkg $*" >> "$FAKE/dpkg"
case " $* " in
  *" --configure "*)
    [ ! -e "$FAKE/configure-fails" ] || held || { echo "$*: dkms failed"; exit 1; }
    sed -i 's/half-configured/installed/' "$status"; exit 0;;
  *" --purge "*) for argument; do case $argument in -*) ;; *) remove_one "$argument";; esac; done;;
  *" -i "*) for argument; do case $argument in *.deb) install_one "$argument" || exit 1;; esac; done;;
esac
"""
)

DPKG_DEB = """#!/bin/sh
case $1 in
  -x) . "$2"; [ "$package" = amdgpu-dkms ] || exit 0
      mkdir -p "$3/usr/src/amdgpu-$version"; cp "$2" "$3/usr/src/amdgpu-$version/deb"
      printf 'PACKAGE_NAME="amdgpu"\\nPACKAGE_VERSION="%s"\\n' "$version" > "$3/usr/src/amdgpu-$version/dkms.conf";;
  *) for target; do :; done; control="$4/DEBIAN/control"
      name=$(sed -n 's/^Package: //p' "$control"); v=$(sed -n 's/^Version: //p' "$control")
      printf 'package=%s\\nversion=%s\\n' "$name" "$v" > "$target";;
esac
"""

DPKG_QUERY = """#!/bin/sh
status="$GPUHOST_ROOT/var/lib/dpkg/status"
case $1 in -L) echo /.;; -s) awk -v RS= -v name="Package: $2" '$0 ~ "^" name "\\n"' "$status";; esac
"""

# Builds where $FAKE/broken-<version>-<kernel> is not there; installs by link and file, as dkms does.
DKMS = """#!/bin/sh
echo "$*" >> "$FAKE/dkms"
verb=$1; tree="$GPUHOST_ROOT/var/lib/dkms"
while [ $# -gt 0 ]; do case $1 in -v) v=$2;; -k) k=$2;; --dkmstree) tree=$2;; --sourcetree) sources=$2;; esac; shift; done
folder="$tree/amdgpu/$v/$k/$ARCH"
case $verb in
  add) mkdir -p "$tree/amdgpu/$v/source";;
  build)
    mkdir -p "$tree/amdgpu/$v/build"
    [ ! -e "$FAKE/excluded-$v-$k" ] || exit 77
    if [ -e "$FAKE/broken-$v-$k" ]; then
      cat "$FAKE/broken-$v-$k" > "$tree/amdgpu/$v/build/make.log"; echo "Error! Bad return status for module build"; exit 10
    fi
    mkdir -p "$folder/module"; echo "amdgpu $v" > "$folder/module/amdgpu.ko";;
  install)
    if [ -e "$FAKE/install-fails-$v" ]; then echo "Error! Copying failed: No space left on device"; exit 6; fi
    mkdir -p "$folder/module" "$GPUHOST_ROOT/lib/modules/$k/updates/dkms"
    [ -e "$folder/module/amdgpu.ko" ] || echo "amdgpu $v" > "$folder/module/amdgpu.ko"
    cp "$folder/module/amdgpu.ko" "$GPUHOST_ROOT/lib/modules/$k/updates/dkms/amdgpu.ko"
    ln -sfn "$v/$k/$ARCH" "$tree/amdgpu/kernel-$k-$ARCH";;
  remove) rm -rf "$tree/amdgpu/$v" "$GPUHOST_ROOT"/lib/modules/*/updates/dkms/amdgpu.ko; rm -f "$tree"/amdgpu/kernel-*;;
esac
"""

MODINFO = """#!/bin/sh
[ "$2" != signer ] || cat "$FAKE/signer" 2>/dev/null
true
"""

PROGRAMS = {
    "apt-get": APT_GET,
    "apt-cache": APT_CACHE,
    "dpkg": DPKG,
    "dpkg-deb": DPKG_DEB,
    "dpkg-query": DPKG_QUERY,
    "dkms": DKMS,
    "modinfo": MODINFO,
}


def put(folder: Path) -> None:
    """The programs stand in ``folder/bin``, and the archive offers nothing yet."""
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    (folder / "archive").mkdir()
    for name, text in PROGRAMS.items():
        script = folder / "bin" / name
        script.write_text(text)
        script.chmod(script.stat().st_mode | stat.S_IXUSR)


def offer(folder: Path, name: str, version: str) -> None:
    """The archive has a package."""
    (folder / "archive" / f"{name}_{version}.deb").write_text(f"package={name}\nversion={version}\n")
