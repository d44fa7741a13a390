"""The command that a newcomer types first."""

from __future__ import annotations

from invoke import Context, Exit, task


@task(name="try", auto_shortflags=False, help={"release": "Debian release of the lab host: 12 (the default) or 13"})
def try_(c: Context, release: int = 12) -> None:
    """See the whole job on a throw-away lab host; no GPU needed.

    The host is a container with systemd and SSH. The lab's own needs (Docker Engine, mmdebstrap) are installed on this
    machine if they are missing, after saying so; nothing else on it changes.

    Example:  ./gpuhost try
    """
    from control.commands.trial import trial

    raise Exit(code=trial(release))
