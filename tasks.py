"""``./gpuhost --list`` shows what this repository can do; ``inv --list`` shows the same."""

from invoke import Collection

from control.tasks import bench, dev, host, lab, models, reports, services, support, trial

ns = Collection(
    trial.try_,
    host.up,
    host.plan,
    host.verify,
    reports.reports,
    host.status,
    host.drift,
    host.info,
    host.monitor,
    models,
    host.remove,
    services,
    lab,
    support.support,
    dev.run_tests,
    dev.lint,
    bench,
)
ns.configure({"run": {"echo": False}})
