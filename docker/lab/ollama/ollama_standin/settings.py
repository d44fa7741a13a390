"""The environment variables that Ollama documents, as far as the stand-in obeys or logs them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

PORT = 11434
FOREVER = float("inf")
# What `msg="server config"` lists; HSA_OVERRIDE_GFX_VERSION is what verify looks for.
LOGGED = (
    "CUDA_VISIBLE_DEVICES",
    "GGML_VK_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL",
    "HIP_VISIBLE_DEVICES",
    "HSA_OVERRIDE_GFX_VERSION",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "OLLAMA_CONTEXT_LENGTH",
    "OLLAMA_DEBUG",
    "OLLAMA_FLASH_ATTENTION",
    "OLLAMA_GPU_OVERHEAD",
    "OLLAMA_HOST",
    "OLLAMA_IGPU_ENABLE",
    "OLLAMA_KEEP_ALIVE",
    "OLLAMA_KV_CACHE_TYPE",
    "OLLAMA_LLM_LIBRARY",
    "OLLAMA_LOAD_TIMEOUT",
    "OLLAMA_MAX_LOADED_MODELS",
    "OLLAMA_MAX_QUEUE",
    "OLLAMA_MODELS",
    "OLLAMA_NOPRUNE",
    "OLLAMA_NO_CLOUD",
    "OLLAMA_NUM_PARALLEL",
    "OLLAMA_ORIGINS",
    "OLLAMA_SCHED_SPREAD",
    "OLLAMA_VULKAN",
    "ROCR_VISIBLE_DEVICES",
)
_UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Settings:
    """Where to listen, where models are, how long they stay loaded (in seconds)."""

    host: str
    port: int
    home: Path
    models: Path
    keep_alive: float
    logged: dict[str, str]


def read(environ: Mapping[str, str]) -> Settings:
    """Settings from the environment; a value that cannot be read is a ValueError that names the variable."""
    home = Path(environ.get("HOME") or "/root")
    host, port = address(environ.get("OLLAMA_HOST", ""))
    models = Path(environ.get("OLLAMA_MODELS") or home / ".ollama/models")
    logged = {name: environ.get(name, "") for name in LOGGED}
    logged |= {"OLLAMA_HOST": f"http://{host}:{port}", "OLLAMA_MODELS": str(models)}
    return Settings(
        host=host,
        port=port,
        home=home,
        models=models,
        keep_alive=duration(environ.get("OLLAMA_KEEP_ALIVE") or "5m"),
        logged=logged,
    )


def address(value: str) -> tuple[str, int]:
    """Host and port of OLLAMA_HOST, which may be `host`, `host:port`, `:port` or a URL."""
    parts = urlsplit(value if "://" in value else f"//{value}")
    default = {"http": 80, "https": 443}.get(parts.scheme, PORT)
    return parts.hostname or "127.0.0.1", parts.port or default


def duration(value: str | float) -> float:
    """Seconds of `"5m"`, `"1h30m"`, `300` or `"300"`; a negative one means for ever."""
    if not isinstance(value, str):
        return FOREVER if value < 0 else float(value)
    text = value.strip()
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return duration(float(text))
    if not re.fullmatch(r"-?(\d+(\.\d+)?(ms|s|m|h))+", text):
        raise ValueError(f'time: invalid duration "{value}"')
    if text.startswith("-"):
        return FOREVER
    return sum(float(number) * _UNITS[unit] for number, _, unit in re.findall(r"(\d+(\.\d+)?)(ms|[smh])", text))
