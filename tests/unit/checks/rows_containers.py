"""What confines the containers; rows of `test_sentences`."""

from __future__ import annotations

from typing import Any

from tests.unit.checks.changes import Change, Row, put


def ollama(**changes: Any) -> Change:
    return lambda seen: seen["containers"]["gpuhost-ollama"].update(changes)


ROWS: list[Row] = [
    (
        "containers",
        put("engine", {"version": None, "error": "refused"}),
        "containers.engine.answers",
        "(refused)",
        "systemctl start docker",
    ),
    (
        "containers",
        put("containers", "gpuhost-ollama", {"exists": False}),
        "containers.ollama.running",
        "does not exist",
        "gpuhost up",
    ),
    (
        "containers",
        ollama(state="exited", exit_code=1, log="no space"),
        "containers.ollama.running",
        "last line: no space",
        "docker start",
    ),
    (
        "containers",
        ollama(state="created", exit_code=128, start_error="Bind for 127.0.0.1:11434 failed: port is already allocated"),
        "containers.ollama.running",
        "port is already allocated",
        "docker start",
    ),
    ("containers", ollama(state="restarting"), "containers.ollama.running", "is restarting", "docker logs"),
    (
        "containers",
        ollama(health="unhealthy", health_output="x"),
        "containers.ollama.healthy",
        "says unhealthy: x",
        "docker inspect",
    ),
    ("containers", ollama(health=None), "containers.ollama.healthy", "no health check", "docker inspect"),
    (
        "containers",
        ollama(image="other:1", image_id="sha256:x"),
        "containers.ollama.image",
        "made from other:1",
        "gpuhost up",
    ),
    (
        "containers",
        ollama(image_id="sha256:old"),
        "containers.ollama.image",
        "before that name got its present image",
        "gpuhost up",
    ),
    ("containers", ollama(privileged=True), "containers.ollama.unprivileged", "owns this host", "gpuhost up"),
    ("containers", ollama(cap_drop=[]), "containers.ollama.capabilities", "the engine's default set", "gpuhost up"),
    ("containers", ollama(cap_add=["SYS_ADMIN"]), "containers.ollama.capabilities", "SYS_ADMIN", "gpuhost up"),
    ("containers", ollama(security_opt=[]), "containers.ollama.no_new_privileges", "setuid", "gpuhost up"),
    (
        "containers",
        ollama(security_opt=["no-new-privileges:false"]),
        "containers.ollama.no_new_privileges",
        "setuid",
        "gpuhost",
    ),
    ("containers", ollama(published=["0.0.0.0:11434"]), "containers.ollama.published", "past any firewall", "gpuhost up"),
    ("containers", ollama(published=[]), "containers.ollama.published", "no address", "gpuhost up"),
    ("containers", ollama(network_mode="host"), "containers.ollama.published", "every port (host network)", "gpuhost up"),
    (
        "containers",
        ollama(restart_policy="no"),
        "containers.ollama.restart_policy",
        "after a reboot",
        "docker update --restart",
    ),
    ("containers", ollama(devices=[]), "containers.ollama.devices", "no device", "gpuhost up"),
    ("containers", ollama(groups=["44"]), "containers.ollama.groups", "with the groups 44", "gpuhost up"),
    (
        "containers",
        ollama(environment={}),
        "containers.ollama.override",
        "not set in gpuhost-ollama and must be 10.3.0",
        "gpuhost up",
    ),
    (
        "containers",
        ollama(environment={"HSA_OVERRIDE_GFX_VERSION": "10.3.0", "HSA_OVERRIDE_GFX_VERSION_0": "11.0.0"}),
        "containers.ollama.override",
        "HSA_OVERRIDE_GFX_VERSION_0=11.0.0 is set in gpuhost-ollama and not planned",
        "gpuhost up",
    ),
    (
        "containers",
        ollama(environment={"HSA_OVERRIDE_GFX_VERSION": ""}),
        "containers.ollama.override",
        "set to nothing",
        "gpuhost up",
    ),
    (
        "containers",
        put("containers", "gpuhost-anythingllm", "environment", {"HSA_OVERRIDE_GFX_VERSION": "9.0.0"}),
        "containers.anythingllm.override",
        "although its ROCm knows this GPU",
        "gpuhost up",
    ),
]
