"""What PyTorch and the services are judged by, beyond the rows of the sentences.

Most are edges: a value just on the limit, a part that is not there, two things of which one is well. `tests/mutation` says
which conditions nobody else would miss.
"""

from __future__ import annotations

from tests.unit.checks.changes import GONE, LLAMACPP, NO_GPUS, OLLAMA, Change, as_usual, both, on, put
from verify.checks.inspection import OVERRIDE

HOST, INSIDE = ("places", "host"), ("places", "gpuhost-jupyter")
FAKE = put("stand_ins", "gpuhost-jupyter", "made up")
TORCH = [
    on("torch", "a place that was not looked at", put(*HOST, GONE)),
    on("torch", "a place without a GPU", planned=put("torch", 0, "gpu", False)),
    on("torch", "any version will do", planned=put("torch", 0, "version", None)),
    on(
        "torch",
        "any version will do, and there is none",
        put(*HOST, "version", ""),
        planned=put("torch", 0, "version", None),
    ),
    on("torch", "a stand-in of another version", FAKE, put(*INSIDE, "version", "1.0")),
    on("torch", "a stand-in of another build", FAKE, put(*INSIDE, "build", "cpu")),
    on("torch", "a stand-in of the same build", FAKE),
    on(
        "torch",
        "simulated, of another build",
        put("simulated", True),
        put(*INSIDE, "build", "cpu"),
        put(*HOST, "build", "cpu"),
    ),
    on("torch", "for a GPU where none is planned", planned=put("torch", 0, "build", "cpu")),
    on("torch", "no GPU, and torch says why", put(*HOST, "available", False), put(*HOST, "device_error", "HIP error: 100")),
    on("torch", "no ROCm in it", put(*HOST, "hip", None), put(*HOST, "version", "2.13.0")),
    on("torch", "the oldest ROCm that goes with the driver", put(*HOST, "version", "2.13.0+rocm6.3.0")),
    on("torch", "the newest ROCm that goes with the driver", put(*HOST, "version", "2.13.0+rocm10.1.0")),
    on("torch", "a newer ROCm than goes with the driver", put(*HOST, "version", "2.13.0+rocm10.1.1")),
    on("torch", "nothing is known of what goes with the driver", planned=put("driver", "rocm", None)),
    on(
        "torch",
        "the kernel's own driver, of the release that ROCm asks for",
        put("driver", {"in_tree": True, "version": None, "release": "6.14.0-8-generic"}),
        planned=put("torch", 0, "driver_min", {"version": "30.10", "kernel": "6.14.5"}),
    ),
    on("torch", "a setting that hides nothing", planned=put("torch", 0, "environment", {"OMP_NUM_THREADS": "4"})),
]


def on_cpu(*reasons: str, driver: str = "6.12.57", planned: Change = as_usual) -> tuple[Change, Change]:
    """Ollama fell back, and the kernel's own driver is of that release; it asks for one of 6.14.5."""
    seen = both(
        put("log", {"gpu": False, "reasons": [{"kind": kind, "text": kind} for kind in reasons]}),
        put("loaded", "size_vram", 0),
        put("driver", {"in_tree": True, "version": None, "release": driver}),
    )
    return seen, put("services", OLLAMA, "driver_min", {"version": "30.10", "kernel": "6.14.5"})


LLAMA = ("llamacpp",)
NOTHING_LISTED = put(
    *LLAMA, "listed", {"devices": [], "gpu": False, "kind": "no_device", "error": "none", "backends": ["CPU"]}
)
NO_GPU_FOR_LLAMA = both(put("services", LLAMACPP, "gpu", False), put("services", LLAMACPP, "library", "cpu"))
GENERATE = [
    *(("generate", f"an old driver and {kind}", *on_cpu(kind)) for kind in ("timeout", "crashed", "no_gpu", "gpu_error")),
    ("generate", "a driver of the release that it asks for", *on_cpu("crashed", driver="6.14.0")),
    on("generate", "the model is the first of the list", planned=put("services", OLLAMA, "model", None)),
    on("generate", "llama.cpp alone", put("call", GONE)),
    on("generate", "no Ollama", planned=put("services", OLLAMA, GONE)),
    on("generate", "no text of some tokens", put("call", "response", "")),
    on("generate", "a text of no token", put("call", "eval_count", 0)),
    on("generate", "a text of one token", put("call", "eval_count", 1)),
    on("generate", "no GPU planned", planned=put("services", OLLAMA, "gpu", False)),
    on("generate", "all but a little in GPU memory", put("loaded", {"size": 1000, "size_vram": 995})),
    on("generate", "a model of no size", put("loaded", {"size": 0, "size_vram": -1})),
    on("generate", "llama.cpp: no text of some tokens", put(*LLAMA, "call", "text", "")),
    on("generate", "llama.cpp: a text of no token", put(*LLAMA, "call", "tokens", 0)),
    on("generate", "llama.cpp: a text of one token", put(*LLAMA, "call", "tokens", 1)),
    on("generate", "llama.cpp: a text of which nobody counts the tokens", put(*LLAMA, "call", "tokens", GONE)),
    on("generate", "llama.cpp: no GPU planned", planned=NO_GPU_FOR_LLAMA),
    on("generate", "llama.cpp: a wrong build, by its list alone", NOTHING_LISTED, put(*LLAMA, "log", {"gpu": False})),
    on(
        "generate",
        "llama.cpp: the planned override",
        NOTHING_LISTED,
        put(*LLAMA, "container", "environment", {OVERRIDE: "10.3.0"}),
        planned=put("services", LLAMACPP, "override", "10.3.0"),
    ),
    *(
        on(
            "generate",
            f"llama.cpp: a driver {name}",
            NOTHING_LISTED,
            put(*LLAMA, "listed", "backends", ["ROCm"]),
            put(*LLAMA, "driver", "version", version),
        )
        for name, version in (
            ("of a strange number", "6.14"),
            ("just new enough", "6.14.14.301000"),
            ("too old", "6.12.12.300000"),
        )
    ),
]


def set_in(*values: str) -> Change:
    rows = [{"path": f"/etc/{n}", "name": OVERRIDE, "value": value} for n, value in enumerate(values)]
    return put("override", "env_files", rows)


ROCM = [
    on("rocm", "no GPU planned", planned=NO_GPUS),
    on("rocm", "no PyTorch planned", planned=put("torch", None)),
    on("rocm", "an override that a container alone needs", set_in("10.3.0")),
    on("rocm", "two overrides, of which one is set to nothing", set_in("", "11.0.0")),
]

SERVICE = ("services",)
UNKNOWN_VERSION = {"status": 200, "body": '{"version": ""}', "error": ""}
SERVICES = [
    on("services", "one was not asked", put(*SERVICE, "ollama", GONE)),
    on(
        "services",
        "a strange row among the models",
        put(*SERVICE, "ollama", "tags", "body", '{"models": ["x", {"model": "tiny:1b"}]}'),
    ),
    on("services", "an empty version", put(*SERVICE, "ollama", "version", UNKNOWN_VERSION)),
    on("services", "a version that is no text", put(*SERVICE, "ollama", "version", "body", '{"version": 3}')),
    on("services", "the model of its own", planned=put("services", OLLAMA, "models", [])),
    on(
        "services",
        "no model at all",
        planned=both(put("services", OLLAMA, "models", []), put("services", OLLAMA, "model", None)),
    ),
    on(
        "services",
        "embedded by something else",
        put(
            *SERVICE,
            "anythingllm",
            "setup",
            "body",
            '{"results": {"EmbeddingEngine": "native", "EmbeddingModelPref": "nomic-embed-text"}}',
        ),
    ),
    on("services", "a Jupyter without a version", put(*SERVICE, "jupyter", "health", UNKNOWN_VERSION)),
    on("services", "a token that was not tried", put(*SERVICE, "jupyter", "open", GONE)),
    on("services", "a key that was not tried", put(*SERVICE, "llamacpp", "models", GONE)),
    on("services", "a key that nobody may read", put(*SERVICE, "llamacpp", "models", None)),
    on(
        "services",
        "a key that is not there",
        put(*SERVICE, "llamacpp", "models", {"status": 0, "error": "No such file", "kept": False}),
    ),
    on(
        "services",
        "a strange row among llama.cpp's models",
        put(*SERVICE, "llamacpp", "models", "body", '{"data": ["x", {"id": "tiny:1b"}]}'),
    ),
    on(
        "services",
        "counters of others, and strange ones",
        put(
            *SERVICE,
            "llamacpp",
            "metrics",
            "body",
            "# HELP x\nprocess_cpu_total 3\nllamacpp:x_total many\n"
            "llamacpp:tokens_predicted_total 24\nllamacpp:tokens_predicted_seconds 2\nllamacpp:busy 1",
        ),
    ),
    on(
        "services",
        "its last words",
        put(*SERVICE, "ollama", "health", {"status": 0, "body": "", "error": "refused"}),
        put(*SERVICE, "ollama", "log", "panic: out of memory"),
    ),
    on(
        "services",
        "open to all, as planned",
        put("ports", [{"address": one, "port": 11434} for one in ("0.0.0.0", "::")]),
        planned=put("services", OLLAMA, "url", "http://0.0.0.0:11434"),
    ),
    on(
        "services",
        "open to all of the other kind",
        put("ports", [{"address": one, "port": 11434} for one in ("127.0.0.1", "::")]),
    ),
    on(
        "wiring",
        "a name that resolves, and an error",
        put("from", "jupyter", "ollama", {"resolved": True, "error": "HTTP 502", "body": ""}),
    ),
    on("speed", "no GPU planned", planned=put("services", OLLAMA, "gpu", False)),
]

CASES = [*TORCH, *GENERATE, *ROCM, *SERVICES]
