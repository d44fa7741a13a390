"""Commands that deal with the services of hosts."""

from __future__ import annotations

from invoke import Collection, Context

from control.tasks.host import COMMON, SITE, SUDO, end, host_task
from control.words import takes

_HOST = "The host to log in to: [user@]name[:port]; with --site: one of it"


@host_task(help={**COMMON, "tunnel": "Make them reachable at this machine's 127.0.0.1 through SSH, until Ctrl-C"})
def show(
    c: Context, host: str = "", site: str = "", tunnel: bool = False, json: bool = False, ask_sudo: bool = False
) -> None:
    """Show the services of the hosts and their addresses.

    With --tunnel one ssh for each host forwards a port of this machine to each service; a port that is taken here becomes
    the next free one. Nothing has to be open on the hosts but SSH.

    Examples:
      ./gpuhost services --site lab
      ./gpuhost services --tunnel --host admin@gpu01
    """
    from control.commands import survey
    from control.commands.common import Target

    options = survey.Options(Target(host, site, ask_sudo), json=json)
    if tunnel:
        from control.commands.tunnel import tunnel as forward

        end(forward(options))
    end(survey.services(options))


@takes("[host]")
@host_task(help={"host": _HOST, "site": SITE, "all": "Also those that only programs use", "ask-sudo": SUDO})
def secrets(c: Context, host: str = "", site: str = "", all: bool = False, ask_sudo: bool = False) -> None:
    """Show passwords and tokens, on a terminal only.

    To whoever may become root on the host. They go to this terminal and nowhere else: into no log and no report, and not
    into a pipe or a file.

    Examples:
      ./gpuhost services secrets gpu01 --site lab
      ./gpuhost services.secrets --all
    """
    from control.commands.common import Target
    from control.commands.secrets import Shown
    from control.commands.secrets import show as command

    end(command(Shown(Target(host, site, ask_sudo), all=all)))


@takes("host", "service", "[name]")
@host_task(
    help={
        "host": _HOST,
        "service": "The service, as in services_enabled",
        "name": "One of its secrets; without it all but those that data is encrypted with",
        "site": SITE,
        "force": "Also one that data is encrypted with: what was stored with the old one becomes unreadable",
        "json": "Print one JSON document instead of text",
        "ask-sudo": SUDO,
    }
)
def rotate(
    c: Context,
    host: str = "",
    service: str = "",
    name: str = "",
    site: str = "",
    force: bool = False,
    json: bool = False,
    ask_sudo: bool = False,
) -> None:
    """Make new secrets for a service; the old ones open nothing.

    Its container is made anew with them. Afterwards `./gpuhost services.secrets` shows the new ones to people.

    Examples:
      ./gpuhost services rotate gpu01 jupyter --site lab
      ./gpuhost services.rotate gpu01 anythingllm JWT_SECRET
      ./gpuhost services.rotate gpu01 gateway alice.password
    """
    from control.commands.common import Target
    from control.commands.secrets import Renewed
    from control.commands.secrets import rotate as command

    end(command(Renewed(Target(host, site, ask_sudo), service, name, force=force, json=json)))


namespace = Collection("services")
namespace.add_task(show, default=True)
namespace.add_task(secrets)
namespace.add_task(rotate)
