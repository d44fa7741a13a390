"""``./gpuhost try``: the main job from end to end on a lab host, without risk to this machine."""

from __future__ import annotations

from control.commands import up
from control.commands.common import Target
from control.console import console, show_findings
from control.exitcodes import ExitCode
from control.findings import make
from control.lab.errors import LabError

SITE = "lab"


def trial(release: int) -> int:
    """A lab host goes from bare to verified; it stays, to be looked at, until ``lab.down``.

    :param release: Debian release of the host.
    """
    from control.lab import site
    from control.lab.spec import HostSpec

    out = console()
    out.print("A lab host stands in for your machine: real Debian, real Docker, a SIMULATED Radeon RX 6600.")
    out.print("What cannot be had here is a labelled stand-in. The first time takes minutes: images are built.\n")
    try:
        (name,) = site.up([HostSpec(1, release)])
    except LabError as failure:
        show_findings(out, [make("GH-LAB", "", failure.seen, next=failure.next).as_dict()])
        return int(ExitCode.REFUSED)
    code = up.up(up.Options(Target(host=name, site=SITE)))
    out.print(f"\nThe host is still there:  ./gpuhost lab.ssh {name}   ./gpuhost status --site {SITE}")
    out.print("Away with it:             ./gpuhost lab.down")
    return code
