"""Commands that time something: gpuhost itself, and the model servers of hosts."""

from __future__ import annotations

from invoke import Collection, Context

from control.tasks import dev
from control.tasks.host import HOST, JSON, SITE, SUDO, end, host_task


@host_task(
    help={
        "host": HOST,
        "site": SITE,
        "runs": "Prompts for each server, after one to warm up",
        "words": "Words of a prompt",
        "tokens": "Tokens asked for",
        "json": JSON,
        "ask-sudo": SUDO,
    },
)
def services(
    c: Context,
    host: str = "",
    site: str = "",
    runs: int = 3,
    words: int = 256,
    tokens: int = 128,
    json: bool = False,
    ask_sudo: bool = False,
) -> None:
    """Time Ollama beside llama.cpp with the same model.

    On the hosts themselves, turn by turn: tokens per second of prompt and generation. Both have to be among the
    services of the host. The figures are kept below reports/.

    Examples:
      ./gpuhost bench services --site lab
      ./gpuhost bench services --host gpu01 --runs 5 --json
    """
    from control.commands.bench_services import Options
    from control.commands.bench_services import bench as command
    from control.commands.common import Target

    end(command(Options(Target(host, site, ask_sudo), runs=runs, words=words, tokens=tokens, json=json)))


namespace = Collection("bench")
namespace.add_task(dev.bench, default=True)
namespace.add_task(services)
