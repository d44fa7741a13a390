"""Commands that deal with the language models of hosts."""

from __future__ import annotations

from invoke import Collection, Context

from control.tasks.host import COMMON, end, host_task
from control.words import takes


@takes("model...")
@host_task(
    positional=[],
    iterable=["model"],
    help={**COMMON, "model": "A model as Ollama names it: llama3.2:1b, hf.co/user/repository:Q4_K_M"},
)
def pull(
    c: Context,
    model: list[str],
    host: str = "",
    site: str = "",
    json: bool = False,
    ask_sudo: bool = False,
) -> None:
    """Fetch models, after a look at disk and memory.

    Says before the first byte how large each is and whether it fits the GPU. What was cut off goes on where it was; a
    model that fails stops no other. To have a model on every host of a site for good, name it in services_models.

    Examples:
      ./gpuhost models.pull llama3.2 gemma:2b
      ./gpuhost models.pull mistral --site lab --host gpu01,gpu02
    """
    from control.commands import models
    from control.commands.common import Target

    end(models.pull(models.Options(Target(host, site, ask_sudo), tuple(model), json=json)))


@host_task(name="list", help=COMMON)
def list_(c: Context, host: str = "", site: str = "", json: bool = False, ask_sudo: bool = False) -> None:
    """The models of the hosts: size, memory, whose they are.

    Example:  ./gpuhost models.list --site lab
    """
    from control.commands import models
    from control.commands.common import Target

    end(models.show(models.Options(Target(host, site, ask_sudo), json=json)))


@takes("[model]...")
@host_task(
    positional=[],
    iterable=["model"],
    help={
        **COMMON,
        "model": "A model, or a pattern such as 'llama3*'",
        "unlisted": "Also those that gpuhost fetched and that services_models no longer names",
    },
)
def remove(
    c: Context,
    model: list[str],
    unlisted: bool = False,
    host: str = "",
    site: str = "",
    json: bool = False,
    ask_sudo: bool = False,
) -> None:
    """Take models away that gpuhost brought.

    What somebody else made or fetched stays, unless its whole name is given, with its tag.

    Examples:
      ./gpuhost models.remove llama3.2:1b
      ./gpuhost models.remove --unlisted --site lab
    """
    from control.commands import models
    from control.commands.common import Target

    end(models.remove(models.Options(Target(host, site, ask_sudo), tuple(model), unlisted, json)))


namespace = Collection("models", pull, list_, remove)
