"""Debian packages as values, and as the trees that `dpkg-deb --build` takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from control.lab.files import File
from control.lab.simulate import Link

MAINTAINER = "AMD stand-in of gpuhost's lab <nobody@localhost>"
#: What every package says of itself, in `apt show` as in its files.
STAND_IN = "STAND-IN of gpuhost's lab"


@dataclass(frozen=True)
class Deb:
    """A package that stands in for one of AMD's.

    :param depends: as Debian writes them; those that no stand-in provides come from Debian's archive.
    :param files: by path on the host, without a leading slash.
    :param borrowed: path on the host -> path in a package of Debian's, for programs that Debian builds too.
    :param scripts: `postinst` and the like.
    """

    name: str
    version: str
    what: str
    architecture: str = "amd64"
    depends: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, File | Link] = field(default_factory=dict)
    borrowed: Mapping[str, str] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        """As in AMD's pool, without the suffix: the version there has no epoch."""
        return f"{self.name}_{self.version.rpartition(':')[2]}_{self.architecture}"


def control(deb: Deb) -> str:
    """The package's control file."""
    said = {
        "Package": deb.name,
        "Version": deb.version,
        "Architecture": deb.architecture,
        "Maintainer": MAINTAINER,
        "Section": "misc",
        "Priority": "optional",
        "Depends": ", ".join(deb.depends),
        **deb.fields,
        "Description": f"{STAND_IN} for AMD's {deb.name}: {deb.what}",
    }
    return "".join(f"{key}: {value}\n" for key, value in said.items() if value)


def write(deb: Deb, folder: Path) -> None:
    """The package's tree is the new folder ``folder/<file name>``, with what it borrows listed in ``DEBIAN/borrow``."""
    tree = folder / deb.file_name
    readme = {f"usr/share/doc/{deb.name}/README.stand-in": File(f"{STAND_IN} for AMD's {deb.name}: {deb.what}\n")}
    scripts = {f"DEBIAN/{name}": File(text, mode=0o755) for name, text in deb.scripts.items()}
    for path, what in {**readme, **deb.files, **scripts, "DEBIAN/control": File(control(deb))}.items():
        _put(tree / path, what)
    if deb.borrowed:
        lines = [f"{theirs} {path}\n" for path, theirs in sorted(deb.borrowed.items())]
        (tree / "DEBIAN" / "borrow").write_text("".join(lines))


def _put(path: Path, what: File | Link) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(what, Link):
        path.symlink_to(what.target)
    else:
        path.write_text(what.text)
        path.chmod(what.mode)
