"""The `.env` file: read at the start, rewritten by the application itself."""

from __future__ import annotations

import re
import secrets
from collections.abc import MutableMapping
from datetime import UTC, datetime
from pathlib import Path

# Those of updateENV.js's keys that a container with Ollama has; the real list has some two hundred.
KEPT = (
    "LLM_PROVIDER",
    "OLLAMA_BASE_PATH",
    "OLLAMA_MODEL_PREF",
    "OLLAMA_MODEL_TOKEN_LIMIT",
    "OLLAMA_PERFORMANCE_MODE",
    "OLLAMA_KEEP_ALIVE_TIMEOUT",
    "OLLAMA_AUTH_TOKEN",
    "EMBEDDING_ENGINE",
    "EMBEDDING_BASE_PATH",
    "EMBEDDING_MODEL_PREF",
    "EMBEDDING_MODEL_MAX_CHUNK_LENGTH",
    "VECTOR_DB",
    "WHISPER_PROVIDER",
    "TTS_PROVIDER",
    "AUTH_TOKEN",
    "JWT_SECRET",
    "DISABLE_TELEMETRY",
    "JWT_EXPIRY",
    "STORAGE_DIR",
    "SERVER_PORT",
    "COLLECTOR_PORT",
    "SIG_KEY",
    "SIG_SALT",
    "PASSWORDMINCHAR",
    "ANYTHINGLLM_CHROMIUM_ARGS",
    "OLLAMA_RESPONSE_TIMEOUT",
)
_LINE = re.compile(r"""\s*(?:export\s+)?([\w.-]+)\s*=\s*('[^']*'|"[^"]*"|[^#\n]*)""")
# dumpENV cuts a value at the first of these.
_CUT = re.compile("[\n\r\t\v\f\u0085\u00a0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\"'`#]")


def load(path: Path, environ: MutableMapping[str, str]) -> None:
    """Add the file's values to `environ`, which keeps its own; an unreadable file counts as empty (dotenv)."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return
    for line in text.splitlines():
        match = _LINE.match(line)
        if match:
            environ.setdefault(match[1], match[2].strip().strip("'\""))


def dump(path: Path, environ: MutableMapping[str, str]) -> None:
    """Rewrite the file with the known keys; OSError where it is a directory or not ours to write."""
    lines = [f"{key}='{_CUT.split(environ[key])[0]}'" for key in KEPT if environ.get(key)]
    stamp = datetime.now(UTC).strftime("%H:%M:%S GMT+0000 (Coordinated Universal Time)")
    path.write_text("\n".join([f"# Auto-dump ENV from system call on {stamp}", *lines]), encoding="utf-8")


def ensure_signature(path: Path, environ: MutableMapping[str, str]) -> bool:
    """SIG_KEY and SIG_SALT are in `environ` and, if they were made now (True), in the file."""
    if environ.get("SIG_KEY") and environ.get("SIG_SALT"):
        return False
    environ["SIG_KEY"], environ["SIG_SALT"] = secrets.token_hex(32), secrets.token_hex(32)
    dump(path, environ)
    return True
