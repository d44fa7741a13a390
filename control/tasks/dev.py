"""Commands for those who change gpuhost: test, lint, bench."""

from __future__ import annotations

from invoke import Context, Exit, task


@task(
    name="test",
    auto_shortflags=False,
    help={
        "lab": "also the tests on container hosts, made and removed here (as root; an hour)",
        "vm": "also the tests on virtual machines, made and removed here (as root; some two hours without KVM)",
        "gpu": "also the tests that need an AMD GPU in this machine",
        "torch": "also those with real PyTorch on the processors, fetched once (1 GB; some 5 minutes)",
        "k": "only tests whose name matches this pytest expression",
        "durations": "show the slowest tests",
        "jobs": "with one of --lab, --vm, --gpu, --torch: so many processes; the tests on hosts keep to one (default: 1)",
    },
)
def run_tests(
    c: Context,
    lab: bool = False,
    vm: bool = False,
    gpu: bool = False,
    torch: bool = False,
    k: str = "",
    durations: bool = False,
    jobs: int = 1,
) -> None:
    """Run gpuhost's own tests; options add those that need more.

    Alone, it runs those that need nothing but this repository. The last line and the exit code are pytest's.
    With --jobs, Ctrl-C may end it before the lab's hosts are gone: ./gpuhost lab.down removes them.

    Examples:
      ./gpuhost test                      the unit tests, some two minutes
      ./gpuhost test -k seal              those about seals
      ./gpuhost test --lab --torch --durations --jobs 2    everything that CI runs
    """
    import os

    from control import quality

    _need_developers_tools()
    if lab or vm:
        _need_lab()
    if vm:
        _need_vm()
    asked_for = [name for name, wanted in (("lab", lab), ("vm", vm), ("gpu", gpu), ("torch", torch)) if wanted]
    command = quality.pytest_command(asked_for, k, durations, jobs=jobs)
    os.chdir(quality.ROOT)
    # In place of this process: Ctrl-C reaches pytest alone, which then takes down the hosts that its tests made.
    os.execv(command[0], command)


@task
def lint(c: Context) -> None:
    """Run every linter over the repository.

    One line each, and what it found. All of them run even if one fails; the exit code is 1 if any did.

    Example:
      ./gpuhost lint
    """
    from control import quality

    _need_developers_tools()
    failed = []
    for verdict in quality.lint(quality.linters()):
        print(verdict.line(), flush=True)
        if not verdict.passed:
            print(verdict.output, flush=True)
            failed.append(verdict.name)
    if failed:
        raise Exit(f"lint: {', '.join(failed)} failed", code=1)


@task(
    auto_shortflags=False,
    help={
        "runs": "how often each command is timed, after one warm-up",
        "site": "the inventory; its hosts must be set up already (./gpuhost try makes the lab's)",
        "what": "up or checks alone (default: both)",
        "json": "print the figures as JSON",
    },
)
def bench(c: Context, runs: int = 5, site: str = "lab", what: str = "", json: bool = False) -> None:
    """Time `up` beside plain Ansible, checks beside testinfra.

    The hosts must be set up already. Plain Ansible runs with its own defaults, not with this repository's; testinfra asks
    the first host of the site, over ssh, for each thing that the checks found to hold.
    The commands take turns within each round, so that a slow minute of the machine hits all of them alike.

    Examples:
      ./gpuhost bench
      ./gpuhost bench --what checks --runs 9 --json
    """
    from control import bench as benchmark
    from control import benchchecks
    from control.exitcodes import ExitCode

    if what not in ("", *benchmark.KINDS):
        raise Exit(f"gpuhost: --what is {what}, must be one of {', '.join(benchmark.KINDS)}", code=ExitCode.BAD_INPUT)
    if what != benchmark.UP:
        _need_developers_tools()  # testinfra
    kinds = {
        benchmark.UP: lambda: benchmark.measure(benchmark.subjects(site), runs),
        benchmark.CHECKS: lambda: benchchecks.compare(site, runs),
    }
    try:
        result = {name: compare() for name, compare in kinds.items() if what in ("", name)}
    except ValueError as error:
        raise Exit(f"gpuhost: {error}", code=ExitCode.BAD_INPUT) from error
    except benchmark.CommandFailedError as error:
        raise Exit(f"gpuhost: nothing was measured: {error}", code=ExitCode.STEP_FAILED) from error
    print(benchmark.as_json(result) if json else "\n\n".join(benchmark.as_table(each) for each in result.values()))


def _need_developers_tools() -> None:
    from control import environment

    if environment.ready("dev"):
        return
    try:
        environment.make("dev")
    except environment.NotReadyError as failure:
        what = failure.trouble
        text = f"gpuhost: {what.seen}\n  why  {what.why}\n  fix  {what.next}"
        raise Exit(text, code=what.code) from failure


def _need_vm() -> None:
    """QEMU and what disks are made with: installed as root, else the one command to type is said."""
    from control.lab.errors import LabError
    from control.lab.vm import tools

    try:
        tools.ensure()
    except LabError as problem:
        raise Exit(f"gpuhost: {problem}", code=problem.code) from problem


def _need_lab() -> None:
    """Docker Engine, the lab's tools and a browser: installed as root, else the one command to type is said."""
    from control.lab import engine
    from control.lab.errors import LabError

    try:
        engine.ensure()
        # The tests of the report and of the gateway's pages open them as a reader does, who trusts the host's authority.
        browser = any(engine.which(name) for name in ("chromium", "chromium-browser"))
        missing = [*([] if browser else ["chromium"]), *([] if engine.which("certutil") else ["libnss3-tools"])]
        if missing:
            engine.install(missing, engine.say_plainly)
    except LabError as problem:
        raise Exit(f"gpuhost: {problem}", code=problem.code) from problem
