"""``./gpuhost --list`` shows what this repository can do; ``inv --list`` shows the same."""

from invoke import Collection

from control.tasks import dev, host

ns = Collection(
    host.up,
    host.plan,
    host.verify,
    host.status,
    host.drift,
    host.info,
    host.remove,
    dev.run_tests,
    dev.lint,
    dev.bench,
)
ns.configure({"run": {"echo": False}})
