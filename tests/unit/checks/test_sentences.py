"""Each check can fail, alone, and then says what was seen, why it matters and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.checks import (
    healthy,
    test_driver_sentences,
    test_health_sentences,
    test_inside_sentences,
    test_model_sentences,
    test_service_sentences,
    test_speed,
    test_torch_sentences,
    test_unit_sentences,
    test_work_sentences,
)
from tests.unit.checks.changes import Change, put
from verify.checks import CHECKS
from verify.checks.inspection import OVERRIDE
from verify.result import FAIL, PASS, UNVERIFIABLE, Result

Seen = dict[str, Any]
KFD = healthy.KFD


def ollama(**changes: Any) -> Change:
    return lambda seen: seen["containers"]["gpuhost-ollama"].update(changes)


def body(service: str, page: str, text: str, status: int = 200) -> Change:
    return put("services", service, page, healthy.page(text, status))


def sample(place: str, device: str, name: str, **outcome: Any) -> Change:
    return put("places", place, "computed", device, {**healthy.torch_place()["computed"]["cpu"], name: outcome})


def tool(name: str, **changes: Any) -> Change:
    return lambda seen: seen["tools"][name].update(changes)


NOT_LOADED = {"error": "ROCk module is NOT loaded, possibly no GPU devices", "kind": "not_loaded"}
REFUSED = {"status": 0, "body": "", "error": "Connection refused"}

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"error_ratio": 1.5}, "1.5 times what rounding allows"),
    ({"raised": "HIP error: invalid device function"}, "invalid device function"),
]

#: area, what changes, the id that fails, words of its `why`, words of its `next`
ROWS: list[tuple[str, Change, str, str, str]] = [
    ("system", put("os", "version_id", "12"), "system.os.release", "the plan was made for debian-13", "gpuhost up"),
    (
        "system",
        put("modules_on_disk", False),
        "system.kernel.modules_on_disk",
        "after an upgrade without a reboot",
        "Reboot",
    ),
    ("system", put("simulated", True), "system.gpu.simulated", "this host shows a simulated one", "simulated.json"),
    ("system", put("now", 1.0), "system.clock.sane", "The clock says 1970-01-01", "timedatectl"),
    ("system", put("now", 1_793_000_000.0), "system.clock.sane", "before gpuhost was set up here", "timedatectl"),
    ("system", put("disk", 0, "free_bytes", 1 << 20), "system.disk.free", "Nearly full: /", "docker image prune"),
    ("system", put("memory", "available_bytes", 1 << 20), "system.memory.available", "Only 0.0 GiB of memory", "ps aux"),
    ("access", put("devices", KFD, None), "access.kfd.present", "/dev/kfd is not there", "modprobe amdgpu"),
    ("access", put("devices", KFD, "type", "other"), "access.kfd.present", "/dev/kfd is no device node", "modprobe amdgpu"),
    (
        "access",
        put("devices", KFD, "group", "root"),
        "access.kfd.group",
        "belongs to group root, not render",
        "sudo chgrp render",
    ),
    ("access", put("devices", KFD, "mode", "0666"), "access.kfd.mode", "every local process reaches", "sudo chmod 0660"),
    (
        "access",
        put("devices", KFD, "mode", "0600"),
        "access.kfd.mode",
        "its group cannot read and write it",
        "sudo chmod 0660",
    ),
    ("access", put("devices", healthy.RENDER, None), "access.renderD128.present", "renderD128 is not there", "modprobe"),
    ("access", put("devices", healthy.RENDER, "group", "video"), "access.renderD128.group", "not render", "chgrp"),
    ("access", put("devices", healthy.RENDER, "mode", "0777"), "access.renderD128.mode", "mode 0777", "chmod"),
    ("access", put("users", {}), "access.alice.member", "no user alice", "usermod"),
    (
        "access",
        put("users", "alice", "groups", ["video"]),
        "access.alice.member",
        "alice is not in render",
        "--groups render alice",
    ),
    (
        "access",
        put("tries", "alice", "groups", ["video"]),
        "access.alice.process_groups",
        "does not have render",
        "id alice",
    ),
    ("access", put("tries", "alice", {"error": "no such user"}), "access.alice.process_groups", "render", "id alice"),
    *(
        ("access", put("tries", "alice", "opened", KFD, errno), "access.alice.opens.kfd", words, step)
        for errno, words, step in [
            ("EACCES", "owner, group and mode do not let this user in", "gpuhost up"),
            ("EPERM", "device cgroup", "container's settings"),
            ("ENXIO", "no driver behind the node", "modprobe amdgpu"),
            ("EINVAL", "this is no permission problem", "dmesg"),
            ("EBUSY", "holds the device alone", "fuser -v /dev/kfd"),
            ("EIO", "cannot open /dev/kfd (EIO)", "ls -l /dev/kfd"),
        ]
    ),
    (
        "access",
        put("tries", "alice", "opened", healthy.RENDER, "EACCES"),
        "access.alice.opens.renderD128",
        "EACCES",
        "gpuhost up",
    ),
    ("driver", put("modules", {}), "driver.module.loaded", "amdgpu is not loaded", "sudo modprobe amdgpu"),
    (
        "driver",
        lambda seen: seen["nodes"].pop(),
        "driver.kfd.gpus",
        "/dev/kfd lists the CPU alone, which is no GPU",
        "dmesg",
    ),
    *test_driver_sentences.ROWS,
    *test_health_sentences.ROWS,
    *test_model_sentences.ROWS,
    *test_inside_sentences.ROWS,
    *test_torch_sentences.ROWS,
    *test_service_sentences.ROWS,
    *test_speed.ROWS,
    *test_unit_sentences.ROWS,
    (
        "rocm",
        put("override", "env_files", [{"path": "/etc/environment", "name": OVERRIDE, "value": "10.3.0"}]),
        "rocm.override.environment",
        f"/etc/environment: {OVERRIDE}=10.3.0. It reaches every program",
        "Take the line out",
    ),
    (
        "rocm",
        put("override", "env_files", [{"path": "/home/alice/.bashrc", "name": OVERRIDE, "value": ""}]),
        "rocm.override.environment",
        "an empty value is one too, and ROCm stops at it",
        "log in anew",
    ),
    (
        "driver",
        put("nodes", 1, "gfx", "gfx1030"),
        "driver.kfd.targets",
        "are gfx1030 and the plan was made for gfx1032",
        "gpuhost up",
    ),
    ("driver", put("gpus", 0, "driver", "vfio-pci"), "driver.0000-03-00-0.bound", "bound to vfio-pci", "virtual machine"),
    ("driver", put("gpus", 0, "driver", None), "driver.0000-03-00-0.bound", "bound to no driver", "lspci -k"),
    ("driver", put("gpus", [{"pci": "x", "gfx": "gfx1032"}]), "driver.0000-03-00-0.bound", "is gone", "lspci -k"),
    ("rocm", put("tools", "rocminfo", {"path": None}), "rocm.rocminfo.present", "rocminfo is not installed", "gpuhost up"),
    ("rocm", put("tools", "rocm-smi", {"path": None}), "rocm.rocm-smi.present", "rocm-smi is not installed", "gpuhost up"),
    (
        "rocm",
        tool("rocm-smi", rc=None, timed_out=True, error="no end after 20 s", parsed={"error": "", "kind": "unknown"}),
        "rocm.rocm-smi.runs",
        "did not end within 20 s and was stopped",
        "dmesg",
    ),
    (
        "rocm",
        tool("rocminfo", rc=1, parsed=NOT_LOADED, last_line="NOT loaded"),
        "rocm.rocminfo.runs",
        "ended with: NOT loaded",
        "Run",
    ),
    (
        "rocm",
        tool("rocminfo", rc=127, parsed={"error": "no agents", "kind": "unknown"}, last_line="libhsa.so: cannot open"),
        "rocm.rocminfo.runs",
        "libhsa.so",
        "missing library",
    ),
    (
        "rocm",
        tool("rocminfo", parsed={"gpus": []}),
        "rocm.rocminfo.gpus",
        "lists 0 GPUs (CPUs not counted)",
        "verify --only access,driver",
    ),
    ("rocm", tool("rocm-smi", parsed={"gpus": []}), "rocm.rocm-smi.gpus", "the plan has 1", "verify --only access,driver"),
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
    (
        "services",
        put("services", "ollama", "health", REFUSED),
        "services.ollama.answers",
        "Connection refused",
        "docker restart",
    ),
    (
        "services",
        body("ollama", "health", "<h1>It works</h1>"),
        "services.ollama.health",
        "not with what a working ollama says",
        "docker logs",
    ),
    ("services", body("ollama", "health", '{"version": "1"}', 500), "services.ollama.health", "", "docker logs"),
    (
        "services",
        body("anythingllm", "health", '{"online": false}'),
        "services.anythingllm.health",
        '{"online": false}',
        "docker logs",
    ),
    ("services", body("ollama", "version", "{}"), "services.ollama.version", "does not name a version", "docker logs"),
    (
        "services",
        body("ollama", "tags", "{}"),
        "services.ollama.model.tiny_1b",
        "does not have the model tiny:1b",
        "models.pull tiny:1b",
    ),
    (
        "services",
        body("anythingllm", "page", "AnythingLLM", 502),
        "services.anythingllm.page",
        "does not show AnythingLLM",
        "docker logs",
    ),
    (
        "services",
        body("anythingllm", "page", "<h1>nginx</h1>"),
        "services.anythingllm.page",
        "does not show AnythingLLM",
        "docker logs",
    ),
    (
        "services",
        test_service_sentences.setup(LLMProvider="openai"),
        "services.anythingllm.llm_provider",
        "is set to openai",
        "LLM_PROVIDER",
    ),
    (
        "services",
        test_service_sentences.setup(OllamaLLMBasePath="http://127.0.0.1:11434"),
        "services.anythingllm.llm_address",
        "asks http://127.0.0.1:11434",
        "OLLAMA_BASE_PATH",
    ),
    (
        "services",
        body("jupyter", "closed", "[]"),
        "services.jupyter.refuses_without_token",
        "runs programs on this host",
        "gpuhost up",
    ),
    (
        "services",
        body("jupyter", "closed", "", 500),
        "services.jupyter.refuses_without_token",
        "answers HTTP 500",
        "gpuhost up",
    ),
    (
        "services",
        put("services", "jupyter", "open", {"status": 403}),
        "services.jupyter.opens_with_token",
        "nobody can log in",
        "restart",
    ),
    (
        "services",
        put("services", "jupyter", "open", {"status": 0, "error": "No such file or directory", "kept": False}),
        "services.jupyter.opens_with_token",
        "no longer has the token",
        "gpuhost up",
    ),
    (
        "services",
        lambda seen: seen["ports"].append({"address": "192.0.2.7", "port": 8888}),
        "services.jupyter.exposure",
        "at 192.0.2.7: jupyter is open to others",
        "ss -ltnp",
    ),
    ("services", put("ports", []), "services.ollama.exposure", "Nothing listens on 127.0.0.1:11434", "ss -ltnp"),
    (
        "exposure",
        lambda seen: seen["ports"].append({"address": "::", "port": 8888, "container": "gpuhost-jupyter"}),
        "exposure.network.listeners",
        ":: port 8888: who reaches this host reaches it without TLS",
        "sudo ss -ltnp 'sport = :8888'",
    ),
    (
        "exposure",
        put("rules", {"rc": 1, "text": "", "error": "Error: No such file or directory"}),
        "exposure.loopback.rules",
        "The rules are gone that keep what is published on 127.0.0.1",
        "sudo systemctl restart gpuhost-loopback.service",
    ),
    (
        "gateway",
        put("gateway", "certificates", "gpu01", "certificate has expired"),
        "gateway.certificate.gpu01",
        "Who comes as gpu01 gets no certificate that this host's own authority vouches for (certificate has expired)",
        "docker logs",
    ),
    (
        "gateway",
        put("gateway", "page", {"status": 200, "location": "", "error": ""}),
        "gateway.page.asks_for_login",
        "does not send people to the login, but answers HTTP 200",
        "gpuhost-gateway-login",
    ),
    (
        "gateway",
        put("gateway", "foreign_host", "status", 302),
        "gateway.host.refused",
        "answers to a name that is not this host's (HTTP 302)",
        "gpuhost up",
    ),
    (
        "gateway",
        put("gateway", "foreign_origin", "status", 200),
        "gateway.origin.refused",
        "takes requests that another site's page sends (HTTP 200)",
        "gpuhost up",
    ),
    (
        "gateway",
        put("gateway", "services", "ollama", "stranger", "status", 200),
        "gateway.ollama.refuses",
        "everybody on the network reaches ollama",
        "gpuhost up",
    ),
    (
        "gateway",
        put("gateway", "services", "jupyter", "stranger", {"status": 0, "location": "", "error": "timed out"}),
        "gateway.jupyter.refuses",
        "answers timed out, and not the refusal (401)",
        "gpuhost up",
    ),
    (
        "gateway",
        put("gateway", "services", "jupyter", "known", "status", 403),
        "gateway.jupyter.opens",
        "18888/api/status answers HTTP 403: nobody can use jupyter from the network",
        "gpuhost up --full",
    ),
    (
        "gateway",
        put("gateway", "services", "jupyter", "known", "status", 502),
        "gateway.jupyter.opens",
        "answers HTTP 502: nobody can use jupyter from the network",
        "docker logs",
    ),
    (
        "gateway",
        put("gateway", "services", "ollama", "closed", "/api/pull", 200),
        "gateway.ollama.closed",
        "Users reach /api/pull of ollama from the network",
        "gpuhost up",
    ),
    (
        "wiring",
        put("from", "jupyter", "ollama", {"resolved": False, "error": "x"}),
        "wiring.jupyter.ollama",
        "not on one network",
        "docker network",
    ),
    (
        "wiring",
        put("from", "jupyter", "ollama", {"resolved": True, "error": "x"}),
        "wiring.jupyter.ollama",
        "does not answer there (x)",
        "docker",
    ),
    (
        "wiring",
        put("from", "jupyter", "ollama", {"resolved": True, "body": "hi"}),
        "wiring.jupyter.ollama",
        "is not ollama (hi)",
        "docker",
    ),
    (
        "wiring",
        put("from", "jupyter", "ollama", {"resolved": None, "error": "x"}),
        "wiring.jupyter.ollama",
        "could not be asked",
        "docker",
    ),
    (
        "generate",
        put("call", {"error": "model not found"}),
        "generate.ollama.text",
        "gave no text: model not found",
        "docker logs",
    ),
    (
        "generate",
        put("call", {"response": " ", "eval_count": 0}),
        "generate.ollama.text",
        "the answer is empty",
        "docker logs",
    ),
    ("generate", put("loaded", None), "generate.ollama.residency", "not loaded after a call", "docker logs"),
    (
        "generate",
        put("loaded", "size_vram", 0),
        "generate.ollama.residency",
        "on the CPU, at about a tenth",
        "inference compute",
    ),
    (
        "generate",
        put("loaded", "size_vram", 650_000_000),
        "generate.ollama.residency",
        "Only 50 % of the model",
        "smaller model",
    ),
    (
        "generate",
        put("log", {"gpu": False, "reasons": [{"kind": "EACCES", "text": "open /dev/kfd: permission denied"}]}),
        "generate.ollama.discovery",
        "without the numbers of the groups that own them. Its log says: open /dev/kfd: permission denied",
        "ls -ln /dev/kfd",
    ),
    (
        "torch",
        put("places", "host", {"import_error": "OSError: libamdhip64.so"}),
        "torch.host.import",
        "libamdhip64.so",
        "import torch",
    ),
    (
        "torch",
        put("places", "host", {"error": "no end after 150 s"}),
        "torch.host.import",
        "no end after 150 s",
        "import torch",
    ),
    (
        "torch",
        put("places", "host", "version", "2.12.0"),
        "torch.host.version",
        "2.12.0 is installed on the host",
        "gpuhost up",
    ),
    ("torch", put("places", "host", "build", "cuda"), "torch.host.build", "built for cuda, not for rocm", "index"),
    ("torch", put("places", "host", "build", "cpu"), "torch.host.build", "everything runs on the CPU", "index"),
    (
        "torch",
        put("places", "host", "environment", {"HSA_OVERRIDE_GFX_VERSION": "11.0.0"}),
        "torch.host.override",
        "wrong target",
        "/etc/environment",
    ),
    (
        "torch",
        put("places", "gpuhost-jupyter", "environment", {}),
        "torch.gpuhost-jupyter.override",
        "without it",
        "gpuhost up",
    ),
    (
        "torch",
        put("places", "host", "available", False),
        "torch.host.gpu_available",
        "finds no GPU. Everything",
        "verify --only access",
    ),
    (
        "torch",
        lambda seen: seen["places"]["host"]["devices"].append({}),
        "torch.host.gpu_count",
        "integrated GPU",
        "HIP_VISIBLE",
    ),
    *(
        (
            "torch",
            sample(place, device, name, **outcome),
            f"torch.{place}.{name}_{device.replace('cuda:', 'gpu')}",
            words,
            "",
        )
        for place in ("host", "gpuhost-jupyter")
        for device in ("cpu", "cuda:0")
        for name in ("ones", "tensor", "matmul", "conv")
        for outcome, words in WRONG
    ),
    *test_work_sentences.ROWS,
]


def judge(area: str, seen: Seen, **changes: Any) -> dict[str, Result]:
    check = next(check for check in CHECKS if check.area == area)
    return {result.id: result for result in check.judge(seen, healthy.expected(area) | changes)}


@pytest.mark.parametrize(("area", "change", "id", "why", "step"), ROWS, ids=[f"{row[2]}-{n}" for n, row in enumerate(ROWS)])
def test_it_fails_and_says_why_and_what_next(area: str, change: Change, id: str, why: str, step: str) -> None:
    seen = healthy.seen(area)
    assert judge(area, seen).get(id, Result(id, PASS)).status == PASS
    change(seen)
    result = judge(area, seen)[id]
    assert result.status == FAIL
    assert why in result.why
    assert step in result.next
    assert result.why.endswith((".", ")", "…")) or ": " in result.why
    assert result.next


def kind(id: str) -> str:
    """An id with the names of this host's services, users and places taken out: what one sentence is written for."""
    area, subject, *rest = id.replace("gpuhost-jupyter", "host").split(".")
    services = ("anythingllm", "jupyter", "llamacpp", "ollama")
    containers = (*services, "gateway", "gateway-login")
    places = {"access": ("alice", "kfd", "renderD128"), "models": ("tiny_1b", "careful_latest"), "containers": containers}
    named = places.get(area, services)
    rest = ["*" if word in ("kfd", "renderD128") else word for word in rest]
    if area == "driver" and rest == ["built"]:
        subject = "*"
    if (area, subject) in (("driver", "parameter"), ("gateway", "certificate")):
        rest = ["*"]
    return ".".join([area, "*" if subject in named else subject, *rest])


def test_every_check_has_a_row_here_that_makes_it_fail() -> None:
    broken = {kind(row[2]) for row in ROWS}
    # Its page is the health page: what breaks it breaks that first, in test_causes.py.
    unbroken = {"services.*.version"} - broken
    every = {kind(id) for check in CHECKS for id in judge(check.area, healthy.seen(check.area))}
    assert every - broken - unbroken == set()


UNKNOWN: list[tuple[str, Change, str, str]] = [
    *test_driver_sentences.UNKNOWN,
    *test_health_sentences.UNKNOWN,
    *test_inside_sentences.UNKNOWN,
    *test_model_sentences.UNKNOWN,
    *test_torch_sentences.UNKNOWN,
    *test_speed.UNKNOWN,
    ("rocm", put("override", {"error": "no such file"}), "rocm.override.environment", "no such file"),
    ("rocm", put("all_read", False), "rocm.override.environment", "only root may read every file"),
    (
        "system",
        put("kernel", {"release": "6.18", "container": "docker"}),
        "system.kernel.modules_on_disk",
        "this host is a container",
    ),
    ("system", put("disk", {"error": "no such file"}), "system.disk.free", "no such file"),
    ("system", put("disk", None), "system.disk.free", "nothing came back"),
    ("system", put("memory", {"error": "no such file"}), "system.memory.available", "no such file"),
    (
        "access",
        put("tries", "alice", {"error": "only root can", "needs_root": True}),
        "access.alice.process_groups",
        "only root can",
    ),
    (
        "access",
        put("tries", "alice", {"error": "only root can", "needs_root": True}),
        "access.alice.opens.kfd",
        "only root can",
    ),
    ("services", put("ports", None), "services.ollama.exposure", "could not be read"),
    (
        "services",
        put("services", "jupyter", "open", None),
        "services.jupyter.opens_with_token",
        "only root can read the token",
    ),
    ("generate", put("call", {"error": "no environment", "planned": False}), "generate.ollama.text", "no environment"),
    (
        "generate",
        lambda seen: seen.update(call={"error": "no environment", "planned": False}, loaded=None),
        "generate.ollama.residency",
        "no model was loaded",
    ),
    (
        "generate",
        put("call", {"error": "httpx.ReadTimeout: timed out", "late": "27 s"}),
        "generate.ollama.text",
        "no text within 27 s, all that the level has left",
    ),
    (
        "generate",
        lambda seen: seen.update(call={"error": "timed out", "late": "27 s"}, loaded=None),
        "generate.ollama.residency",
        "was not loaded within 27 s",
    ),
    ("generate", put("log", {"error": "nothing about devices"}), "generate.ollama.discovery", "nothing about devices"),
    ("generate", put("log", {"gpu": None}), "generate.ollama.discovery", "no longer has the lines"),
]


@pytest.mark.parametrize(("area", "change", "id", "why"), UNKNOWN, ids=[row[2] for row in UNKNOWN])
def test_what_cannot_be_seen_is_unverifiable_with_the_reason(area: str, change: Change, id: str, why: str) -> None:
    seen = healthy.seen(area)
    change(seen)
    result = judge(area, seen)[id]
    assert result.status == UNVERIFIABLE
    assert why in result.why


def test_on_a_host_planned_without_gpu_nothing_about_one_is_asked() -> None:
    without: dict[str, Any] = {"gpus": [], "driver": {"source": "none", "module": None}}
    assert judge("driver", healthy.seen("driver"), **without) == {}
    seen = healthy.seen("rocm")
    assert judge("rocm", seen, **without)["rocm.rocminfo.gpus"].status == UNVERIFIABLE


def test_on_a_simulated_host_a_tool_that_finds_no_driver_has_run_and_one_that_breaks_has_not() -> None:
    seen = healthy.seen("rocm") | {"simulated": True}
    seen["tools"]["rocminfo"].update(rc=1, parsed=NOT_LOADED)
    seen["tools"]["rocm-smi"].update(rc=127, parsed={"error": "no agents", "kind": "unknown"}, last_line="not found")
    results = judge("rocm", seen)
    assert results["rocm.rocminfo.runs"].status == PASS
    assert results["rocm.rocm-smi.runs"].status == FAIL
    assert results["rocm.rocminfo.gpus"].status == UNVERIFIABLE


def test_the_plan_s_cpu_service_must_not_use_the_gpu() -> None:
    seen = healthy.seen("generate")
    services = [healthy.service("ollama", gpu=False)]
    assert judge("generate", seen, services=services)["generate.ollama.residency"].status == FAIL
    seen["loaded"]["size_vram"], seen["log"] = 0, {"gpu": False, "reasons": []}
    results = judge("generate", seen, services=services)
    assert {result.status for result in results.values()} == {PASS}


@pytest.mark.parametrize(("where", "status"), [("gpuhost-jupyter", FAIL), ("host", PASS)])
def test_an_override_that_only_a_container_needs_is_stale_on_the_host(where: str, status: str) -> None:
    seen = healthy.seen("rocm")
    put("override", "env_files", [{"path": "/etc/environment", "name": OVERRIDE, "value": "10.3.0"}])(seen)
    planned = [{"where": where, "override": "10.3.0"}]
    assert judge("rocm", seen, torch=planned)["rocm.override.environment"].status == status


def test_a_service_without_checks_of_its_own_has_those_of_every_service() -> None:
    first, seen = healthy.expected()["services"][0], healthy.seen("services")
    seen["services"] = {"sixth": seen["services"][first["name"]]}
    results = judge("services", seen, services=[{**first, "name": "sixth"}])
    assert set(results) == {f"services.sixth.{name}" for name in ("answers", "health", "exposure")}


def test_what_a_service_answers_inside_of_another_is_shown() -> None:
    assert judge("wiring", healthy.seen("wiring"))["wiring.jupyter.ollama"].seen == '{"version":"0.35.0"}'
