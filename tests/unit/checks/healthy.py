"""A lab host where everything is as planned: what was planned, and what each area's probe then sees."""

from __future__ import annotations

import copy
import json
from typing import Any

from tests.unit.checks import measured

STAND_IN = "text is computed by llama.cpp on the CPU"

PORTS = {"anythingllm": 3001, "jupyter": 8888, "llamacpp": 8080, "ollama": 11434}

KERNEL, NEWER = "6.12.48+deb13-amd64", "6.12.57+deb13-amd64"
DKMS_FILE, MOK = "updates/dkms/amdgpu.ko.xz", "DKMS module signing key"
DKMS_VERSION, SRCVERSION, SERIAL = "6.16.13-2278356.24.04", "9E1C07B5D2A4F86B30C4D7E", "4be2353c"

KFD, RENDER = "/dev/kfd", "/dev/dri/renderD128"


SETUP = {
    "LLMProvider": "ollama",
    "OllamaLLMBasePath": "http://ollama:11434",
    "EmbeddingEngine": "ollama",
    "EmbeddingModelPref": "nomic-embed-text:latest",
    "VectorDB": "lancedb",
    "RequiresAuth": True,
    "MultiUserMode": False,
}


def service(name: str, *, gpu: bool) -> dict[str, Any]:
    says: dict[str, dict[str, Any]] = {"anythingllm": {"json": {"online": True}}, "llamacpp": {"json": {"status": "ok"}}}
    path = {"anythingllm": "/api/ping", "jupyter": "/api", "llamacpp": "/health", "ollama": "/api/version"}[name]
    file = {"file": "/srv/gpuhost/llamacpp/model.gguf", "key": "/etc/gpuhost/secrets/llamacpp/api_key"}
    return {
        "name": name,
        "container": f"gpuhost-{name}",
        "image": f"example/{name}:1",
        "url": f"http://127.0.0.1:{PORTS[name]}",
        "health": {"path": path, **says.get(name, {"contains": '"version"'})},
        "calls": ["ollama"] if name in ("anythingllm", "jupyter") else [],
        "gpu": gpu,
        "override": "10.3.0" if gpu and name != "llamacpp" else None,
        "devices": [KFD, RENDER] if gpu else [],
        "groups": ["44", "109"] if gpu else [],
        "cap_add": [],
        "embedding_model": "nomic-embed-text",
        "model": "tiny:1b" if name != "jupyter" else None,
        "models": ["tiny:1b"] if name == "ollama" else [],
        **(
            {**file, "library": "rocm", "driver_min": {"version": "30.10.0", "kernel": "6.14"}} if name == "llamacpp" else {}
        ),
    }


def gateway_container(name: str, published: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "container": f"gpuhost-{name}",
        "image": f"example/{name}:1",
        "published": published,
        "gpu": False,
        "devices": [],
        "groups": [],
        "override": None,
        "cap_add": [],
    }


def gateway_site(name: str, port: int, path: str, *closed: str) -> dict[str, Any]:
    return {"service": name, "origin": f"https://192.0.2.7:{port}", "path": path, "closed": list(closed)}


EXPECTED: dict[str, Any] = {
    "schema": 1,
    "host": "gpu01",
    "system": "debian-13",
    "simulated": False,
    "level": "quick",
    "gpus": [{"pci": "0000:03:00.0", "gfx": "gfx1032", "name": "Radeon RX 6600"}],
    "driver": {
        "source": "dkms",
        "module": "amdgpu",
        "version": "30.30.3",
        "kernels": [NEWER, KERNEL],
        "signed": True,
        "parameters": [{"name": "ttm.pages_limit", "value": "4194304"}, {"name": "iommu", "value": "pt"}],
        "dkms": {"name": "amdgpu", "version_prefix": "6.16.13"},
        "rocm": {"min": "6.3.0", "max": "10.1.0"},
    },
    "access": {
        "users": [{"name": "alice", "groups": ["render", "video"]}],
        "devices": [{"path": KFD, "group": "render"}, {"path": RENDER, "group": "render"}],
    },
    "rocm": {"stream": "distro", "tools": ["rocminfo", "rocm-smi"]},
    "torch": [
        {
            "where": "host",
            "python": "/opt/gpuhost/torch/bin/python",
            "build": "rocm",
            "version": "2.13.0",
            "gpu": True,
            "override": None,
        },
        {
            "where": "gpuhost-jupyter",
            "python": "python3",
            "build": "rocm",
            "version": "2.12.0",
            "gpu": True,
            "override": "10.3.0",
        },
    ],
    "services": [
        service("anythingllm", gpu=False),
        service("jupyter", gpu=True),
        service("llamacpp", gpu=True),
        service("ollama", gpu=True),
    ],
    "models": {
        "service": "ollama",
        "folder": "/srv/gpuhost/ollama/models",
        "wanted": ["tiny:1b"],
        "presets": [
            {"name": "careful:latest", "from": "tiny:1b", "system": "Be brief.", "parameters": {"temperature": 0.2}}
        ],
    },
    "gateway": {
        "home": "https://192.0.2.7",
        "bind": ["0.0.0.0", "::"],
        "ports": [443, 13001, 18888, 21434],
        "certified": ["192.0.2.7", "gpu01"],
        "ca": "/srv/gpuhost/gateway/caddy/caddy/pki/authorities/local/root.crt",
        "key": "/etc/gpuhost/secrets/gateway/admin.key",
        "containers": [gateway_container("gateway", ["0.0.0.0:443", "[::]:443"]), gateway_container("gateway-login", [])],
        "sites": [
            gateway_site("anythingllm", 13001, "/api/ping", "/api/env-dump"),
            gateway_site("jupyter", 18888, "/api/status"),
            gateway_site("ollama", 21434, "/api/version", "/api/pull"),
        ],
    },
    "guard": {"family": "inet", "name": "gpuhost", "drops": 3, "unit": "gpuhost-loopback.service"},
}


PROGRAM = "/opt/gpuhost/ollama/0.32.0"
#: What the plan says of Ollama where it runs on the host itself.
ON_THE_HOST = {
    "unit": "gpuhost-ollama.service",
    "user": "gpuhost-ollama",
    "folder": PROGRAM,
    "program": f"{PROGRAM}/bin/ollama",
    "port": PORTS["ollama"],
    "image": "ollama 0.32.0, on the host itself",
}


def container(name: str) -> dict[str, Any]:
    rows = [*EXPECTED["services"], *EXPECTED["gateway"]["containers"]]
    row = next(row for row in rows if row["name"] == name)
    return {
        "exists": True,
        "state": "running",
        "exit_code": 0,
        "start_error": "",
        "health": "healthy",
        "health_output": "",
        "image": row["image"],
        "image_id": f"sha256:{name}",
        "planned_image_id": f"sha256:{name}",
        "stand_in": None,
        "privileged": False,
        "cap_drop": ["ALL"],
        "cap_add": [],
        "security_opt": ["no-new-privileges:true"],
        "published": row["published"] if "published" in row else [f"127.0.0.1:{PORTS[name]}"],
        "network_mode": "gpuhost",
        "restart_policy": "unless-stopped",
        "devices": sorted(row["devices"]),
        "groups": sorted(row["groups"]),
        "environment": {"HSA_OVERRIDE_GFX_VERSION": row["override"]} if row["override"] else {},
        "log": "",
        "inside": inside(row["devices"]) if row["gpu"] else None,
    }


def inside(devices: list[str]) -> dict[str, Any]:
    """A container whose processes have the groups, and whose devices are the host's."""
    nodes = {path: {"state": "same", "inside": "234:0", "host": "234:0"} for path in devices}
    return {"processes": 2, "lacking": {}, "nodes": nodes, "opens": dict.fromkeys(devices, "ok"), "simulated": False}


def llamacpp() -> dict[str, Any]:
    """What is seen of llama.cpp at work on the GPU."""
    device = {"id": "ROCm0", "backend": "ROCm", "name": "AMD Radeon RX 6600"}
    return {
        "simulated": False,
        "stand_in": None,
        "call": {"text": "Red, green, blue.", "tokens": 6, "prompt_rate": 900.0, "rate": 60.0},
        "listed": {"devices": [device], "gpu": True, "backends": ["ROCm"], "offloaded": None},
        "log": {"devices": [device], "gpu": True, "backends": ["ROCm"], "offloaded": [17, 17]},
        "nodes": {KFD: "ok", RENDER: "ok"},
        "container": {"devices": [KFD, RENDER], "groups": ["44", "109"], "environment": {}},
        "driver": {"in_tree": False, "version": "6.16.13.30300300"},
    }


def page(body: str = "", status: int = 200) -> dict[str, Any]:
    return {"status": status, "body": body, "error": ""}


FAT_WHEEL = ["gfx908", "gfx90a", "gfx942:sramecc+:xnack-", "gfx1030", "gfx1100", "gfx1201"]


def torch_place(hip: bool = True, override: str | None = None, version: str = "2.13.0") -> dict[str, Any]:
    """With a wheel for its target on the host, and one for many, which needs the override, elsewhere."""
    samples = {name: {"error_ratio": 0.02} for name in ("ones", "tensor", "matmul", "conv")}
    return {
        "python": "/opt/gpuhost/torch/bin/python",
        "environment": {"HSA_OVERRIDE_GFX_VERSION": override} if override else {},
        "version": f"{version}+rocm10.0.0",
        "hip": "7.10" if hip else None,
        "cuda": None,
        "build": "rocm" if hip else "cpu",
        "available": True,
        "targets": FAT_WHEEL,
        "packages": [] if override else ["amd-torch-device-gfx1032", "rocm-sdk-device-gfx1032"],
        "devices": [
            {
                "name": "AMD Radeon RX 6600",
                "gfx": "gfx1030" if override else "gfx1032",
                "memory_bytes": 8 << 30,
                "pci": "0000:03:00.0",
            }
        ],
        "stopped": "",
        "computed": {"cpu": samples, "cuda:0": samples},
    }


def tool(gpus: int = 1) -> dict[str, Any]:
    return {
        "path": "/usr/bin/tool",
        "rc": 0,
        "error": "",
        "timed_out": False,
        "last_line": "",
        "parsed": {"gpus": [{"gfx": "gfx1032"}] * gpus},
    }


def module() -> dict[str, Any]:
    """AMD's own module at work, and its file for both kernels."""
    return {
        "loaded": True,
        "srcversion": SRCVERSION,
        "version": "6.16.13",
        "in_tree": False,
        "file": DKMS_FILE,
        "files": [module_file(release) for release in (NEWER, KERNEL)],
    }


def module_file(release: str, **changes: Any) -> dict[str, Any]:
    """What modprobe would take under a kernel."""
    said = {"srcversion": SRCVERSION, "version": "6.16.13", "in_tree": False, "signer": MOK, "signer_serial": SERIAL}
    return {"release": release, "file": DKMS_FILE, **said, **changes}


def mok_key(**changes: Any) -> dict[str, Any]:
    """The key that DKMS signs with."""
    paths = {"certificate": "/var/lib/dkms/mok.pub", "key": "/var/lib/dkms/mok.key"}
    return {**paths, "subject": MOK, "serial": SERIAL, "enrolled": True, "pending": False, **changes}


def dkms_row(release: str | None, state: str = "installed", version: str = DKMS_VERSION) -> dict[str, Any]:
    return {"module": "amdgpu", "version": version, "kernel": release, "arch": "x86_64", "state": state}


def card(pci: str = "0000:03:00.0") -> dict[str, Any]:
    """A card in a slot of its own, at rest."""
    link = {"gt_s": 2.5, "lanes": 8, "could_gt_s": 16.0, "could_lanes": 8, "card_lanes": 8, "gb_s": 2.0, "at": pci}
    return {
        "pci": pci,
        "simulated": False,
        "asleep": False,
        "load_percent": 0,
        "temperatures": {"edge": 41.0, "junction": 44.0, "mem": 46.0},
        "temperature_limits": {"edge": 100.0, "junction": 110.0, "mem": 100.0},
        "core_mhz": 500,
        "memory_mhz": 96,
        "power_w": 4.0,
        "power_cap_w": 100.0,
        "performance_level": "auto",
        "links": [link],
        "way": ["0000:00:01.1", "0000:01:00.0", "0000:02:00.0", pci],
        "memory_errors": {"umc": {"ue": 0, "ce": 3}},
        "bad_pages": 0,
        "bus_errors": {"fatal": 0, "nonfatal": 0, "correctable": 2},
    }


DEVICE = {"type": "char", "owner": "root", "group": "render", "mode": "0660", "open": "ok"}

SEEN: dict[str, dict[str, Any]] = {
    "system": {
        "os": {"id": "debian", "version_id": "13"},
        "kernel": {"release": "6.12.48+deb13-amd64", "container": None},
        "disk": [{"mount": "/", "total_bytes": 100 << 30, "free_bytes": 50 << 30}],
        "memory": {"available_bytes": 8 << 30},
        "simulated": False,
        "modules_on_disk": True,
        "now": 1_795_000_000.0,
        "expected_written": 1_794_000_000.0,
    },
    "access": {
        "simulated": False,
        "users": {"alice": {"uid": 1000, "groups": ["alice", "render", "video"]}},
        "devices": {KFD: {"path": KFD, **DEVICE}, RENDER: {"path": RENDER, **DEVICE}},
        "tries": {"alice": {"groups": ["alice", "render", "video"], "opened": {KFD: "ok", RENDER: "ok"}}},
    },
    "driver": {
        "simulated": False,
        "release": KERNEL,
        "cmdline": "BOOT_IMAGE=/boot/vmlinuz root=UUID=5f2c ro quiet iommu=pt ttm.pages_limit=4194304",
        "container": None,
        "secure_boot": "on",
        "modules": {"amdgpu": module()},
        "boot": {"firmware": "uefi", "loader": "grub", "next": NEWER, "drop_ins": True, "parameter_files": []},
        "signing": {
            "enforced": True,
            "lockdown": "integrity",
            "shim": True,
            "shim_validation": True,
            "keys": [mok_key()],
        },
        "parameters": {"ttm": {"pages_limit": "4194304"}},
        "installed": [{"release": release, "image": True, "headers": True} for release in (NEWER, KERNEL)],
        "rejected": [],
        "log_read": True,
        "dkms": [dkms_row(release) for release in (KERNEL, NEWER)],
        "kfd_present": True,
        "nodes": [{"node": 0, "simd_count": 0}, {"node": 1, "simd_count": 56, "gfx": "gfx1032"}],
        "gpus": [{"pci": "0000:03:00.0", "driver": "amdgpu", "gfx": "gfx1032", "amd": True}],
    },
    "health": {"simulated": False, "uptime_s": 86_400.0, "cards": [card()], "log": {"since_s": 0.0, "events": []}},
    "rocm": {
        "simulated": False,
        "tools": {"rocminfo": tool(), "rocm-smi": tool()},
        "override": {"env_files": []},
        "all_read": True,
    },
    "containers": {
        "engine": {"version": "26.1.5", "error": ""},
        "containers": {f"gpuhost-{name}": container(name) for name in (*PORTS, "gateway", "gateway-login")},
    },
    # Seen only where Ollama runs on the host itself: `natively`.
    "units": {
        "ollama": {
            "ActiveState": "active",
            "SubState": "running",
            "Result": "success",
            "UnitFileState": "enabled",
            "User": "gpuhost-ollama",
            "NoNewPrivileges": "yes",
            "CapabilityBoundingSet": "",
            "ProtectSystem": "strict",
            "DevicePolicy": "closed",
            "Environment": "HOME=/srv/gpuhost/ollama HSA_OVERRIDE_GFX_VERSION=10.3.0",
            "MainPID": "4711",
            "ExecStart": f"{{ path={PROGRAM}/bin/ollama ; argv[]={PROGRAM}/bin/ollama serve ; ignore_errors=no }}",
            "groups": ["109", "44"],
            "stand_in": None,
        }
    },
    "services": {
        "ports": [{"address": "127.0.0.1", "port": port, "proto": "tcp"} for port in PORTS.values()],
        "services": {
            "anythingllm": {
                "health": page('{"online": true}'),
                "page": page("<!doctype html><title>AnythingLLM | Your personal LLM</title>"),
                "setup": page(json.dumps({"results": SETUP})),
            },
            "jupyter": {
                "health": page('{"version": "2.17.0"}'),
                "closed": page("", 403),
                "open": {"status": 200, "error": ""},
            },
            "llamacpp": {
                "health": page('{"status": "ok"}'),
                "closed": page("", 401),
                "models": {"status": 200, "error": "", "kept": True, "body": '{"data": [{"id": "tiny:1b"}]}'},
                "metrics": {"status": 200, "error": "", "kept": True, "body": "llamacpp:tokens_predicted_total 24"},
            },
            "ollama": {
                "health": page('{"version": "0.35.0"}'),
                "version": page('{"version": "0.35.0"}'),
                "tags": page('{"models": [{"name": "tiny:1b"}]}'),
            },
        },
    },
    "models": {
        "models": {
            "tiny:1b": {"missing": [], "weights": "sha256:1", "system": "", "parameters": {}},
            "careful:latest": {
                "missing": [],
                "weights": "sha256:1",
                "system": "Be brief.",
                "parameters": {"temperature": 0.2, "stop": ["<end>"]},
            },
        }
    },
    "exposure": {
        "ports": [
            *({"address": "127.0.0.1", "port": port, "proto": "tcp"} for port in PORTS.values()),
            {"address": "::", "port": 22, "proto": "tcp", "process": "sshd", "container": None},
            {"address": "0.0.0.0", "port": 443, "proto": "tcp", "process": "docker-proxy", "container": "gpuhost-gateway"},
            {"address": "0.0.0.0", "port": 9100, "proto": "tcp", "process": "node_exporter", "container": None},
        ],
        "rules": {"rc": 0, "text": "table inet gpuhost {\n\tdrop\n\tdrop\n\tdrop\n}\n", "error": ""},
        "as_root": True,
    },
    "gateway": {
        "gateway": {
            "certificates": {"192.0.2.7": "", "gpu01": ""},
            "page": {"status": 302, "location": "/login?next=/", "error": ""},
            "foreign_host": {"status": 421, "location": "", "error": ""},
            "foreign_origin": {"status": 403, "location": "", "error": ""},
            "services": {
                name: {
                    "stranger": {"status": 401, "location": "", "error": ""},
                    "known": {"status": 200, "location": "", "error": ""},
                    "closed": closed,
                }
                for name, closed in {
                    "anythingllm": {"/api/env-dump": 403},
                    "jupyter": {},
                    "ollama": {"/api/pull": 403},
                }.items()
            },
        },
    },
    "wiring": {
        "addresses": {"ollama": "http://gpuhost-ollama:11434/api/version"},
        "from": {
            name: {"ollama": {"resolved": True, "body": '{"version":"0.35.0"}'}} for name in ("anythingllm", "jupyter")
        },
    },
    "generate": {
        "simulated": False,
        "stand_in": None,
        "call": {"response": "Red, green, blue.", "eval_count": 6, "done": True},
        "loaded": {"size": 1_300_000_000, "size_vram": 1_300_000_000},
        "log": {"gpu": True, "reasons": []},
        "llamacpp": llamacpp(),
    },
    "torch": {
        "simulated": False,
        "places": {
            "host": torch_place(),
            "gpuhost-jupyter": torch_place(override="10.3.0", version="2.12.0"),
        },
        "stand_ins": {"gpuhost-jupyter": None},
        "driver": {"in_tree": False, "version": "6.16.13", "release": KERNEL},
        "gpus": [{"pci": "0000:03:00.0", "gfx": "gfx1032", "amd": True}],
    },
    "speed": {
        "simulated": False,
        "stand_in": None,
        "shown": {"count": 64, "tokens": 98.2, "prompt": 2310.0},
        "hidden": {"count": 16, "tokens": 31.5, "prompt": 402.0},
        "loaded_hidden": {"size": 1_300_000_000, "size_vram": 0},
    },
    "correctness": measured.everywhere(measured.numbers, "host", "gpuhost-jupyter"),
    "memory": measured.everywhere(measured.cells, "host"),
    "rate": measured.everywhere(measured.rates, "host", "gpuhost-jupyter"),
    "burn": measured.everywhere(measured.lasted, "host"),
    "peers": {"simulated": False, "stand_ins": {}, "places": {"host": {"devices": {}, "after": {}}}},
}


#: Runs of before, as the control node hands them in for the time of a run; they are in no file of the host.
HISTORY = [
    {
        "taken_at": "2026-11-21T08:00:00Z",
        "rates": {
            id: value
            for where in ("host", "gpuhost-jupyter")
            for id, value in measured.earlier("rate", measured.rates(), where=where)[0]["rates"].items()
        }
        | {"speed.ollama.tokens": 98.0, "speed.ollama.prompt": 2290.0},
    }
]
EXPECTED["history"] = HISTORY


def expected(area: str = "") -> dict[str, Any]:
    """A copy of what was planned, to be changed at will; for the area `units`, with a service on the host itself."""
    return natively() if area == "units" else copy.deepcopy(EXPECTED)


def natively() -> dict[str, Any]:
    """What was planned where Ollama runs on the host itself."""
    found = copy.deepcopy(EXPECTED)
    next(row for row in found["services"] if row["name"] == "ollama").update(ON_THE_HOST)
    return found


def seen(area: str) -> dict[str, Any]:
    """A copy of what the probe of ``area`` sees on a healthy host, to be changed at will."""
    return copy.deepcopy(SEEN[area])
