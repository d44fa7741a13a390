"""Open WebUI's settings, which it keeps in its own database: read through its API, beside what the plan wants of them.

It takes its environment only at its first start; later its administrators change them on its pages. Who may read its
settings file (root) signs a pass of five minutes with the key in there, as Open WebUI does for its own automations
(utils/auth.py, utils/automations.py): no password is needed, and a changed one is no obstacle. Routes: routers/auths.py,
ollama.py, openai.py and retrieval.py of release 0.12.4.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from .engine import Engine, EngineError

SECONDS, PASS_SECONDS = 20, 300
#: Secret that signs passes, in its settings file.
KEY = "WEBUI_SECRET_KEY"
#: In the settings of a connection: gpuhost made it, and takes it away when the site no longer wants it.
OURS = "gpuhost"

ADMIN, OLLAMA, OPENAI = "/api/v1/auths/admin/config", "/ollama/config", "/openai/config"
EMBEDDING = "/api/v1/retrieval/embedding"
#: What the documents of an API call their parts: whether it is used, addresses, settings of each.
FIELDS = {
    OLLAMA: ("ENABLE_OLLAMA_API", "OLLAMA_BASE_URLS", "OLLAMA_API_CONFIGS"),
    OPENAI: ("ENABLE_OPENAI_API", "OPENAI_API_BASE_URLS", "OPENAI_API_CONFIGS"),
}

#: The oldest administrator who may log in. Asked inside, as the user whose database it is: root would leave files there.
_ACCOUNT = """
import json, sqlite3
found = sqlite3.connect("file:/app/backend/data/webui.db?mode=ro", uri=True).execute(
    "SELECT a.id, a.session_stamp FROM auth a JOIN user u ON u.id = a.id "
    "WHERE u.role = 'admin' AND a.active ORDER BY u.created_at LIMIT 1")
print(json.dumps(found.fetchone()))
"""

Settings = dict[str, Any]
_no_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class OpenWebUIError(Exception):
    """Open WebUI could not be asked, and why. ``closed``: this process may not read its key."""

    def __init__(self, message: str, closed: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.closed = closed


class OpenWebUI:
    """The API of one Open WebUI, as an administrator."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(self, path: str, body: Settings | None = None) -> Settings:
        """What a GET gives, or with a body a POST.

        :raises OpenWebUIError: for every other answer than a JSON object; without a word of what was sent.
        """
        data = None if body is None else json.dumps(body).encode()
        try:
            with _no_proxy.open(urllib.request.Request(self.url + path, data, self._headers), timeout=SECONDS) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise OpenWebUIError(f"{path} answered HTTP {error.code}") from error
        except (OSError, ValueError) as error:
            raise OpenWebUIError(f"{path}: {getattr(error, 'reason', None) or error}") from error
        if not isinstance(found, dict):
            raise OpenWebUIError(f"{path} answered with no settings")
        return found

    def documents(self) -> dict[str, Settings]:
        """Everything that the plan has a word on, by the path that it comes from. Keys of providers are in it."""
        return {path: self.ask(path) for path in (ADMIN, OLLAMA, OPENAI, EMBEDDING)}


def enter(url: str, container: str, env_file: str, engine: Engine, root: Path = Path("/")) -> OpenWebUI:
    """Its API, entered with the key in its settings file.

    :raises OpenWebUIError: where the key cannot be read, or nobody there is an administrator.
    """
    key = _key(root / env_file.lstrip("/"))
    try:
        code, out, said = engine.exec(container, ["python3", "-c", _ACCOUNT], timeout=SECONDS)
        account = json.loads(out) if code == 0 else None
    except (EngineError, ValueError) as error:
        raise OpenWebUIError(f"its accounts could not be read: {getattr(error, 'message', error)}") from error
    if not account:
        last = said.strip().splitlines()[-1:] if code else []
        raise OpenWebUIError(": ".join(["it has no administrator who may log in", *last]))
    return OpenWebUI(url, token(key, account[0], account[1], time.time()))


def _key(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except PermissionError as error:
        raise OpenWebUIError("only root can read its settings file", closed=True) from error
    except OSError as error:
        raise OpenWebUIError(f"{path}: {error.strerror}") from error
    values = dict(line.partition("=")[::2] for line in lines)
    if not values.get(KEY):
        raise OpenWebUIError(f"{path} has no {KEY}")
    return values[KEY].strip().strip("'\"")


def token(key: str, account: str, stamp: str | None, now: float) -> str:
    """A pass for an account (a JSON Web Token, HS256), good for five minutes from ``now`` (seconds since 1970)."""
    claims = {"id": account, "typ": "automation", "session_stamp": stamp, "exp": int(now) + PASS_SECONDS}
    text = ".".join(_part(json.dumps(one).encode()) for one in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{text}.{_part(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest())}"


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def connections(document: Settings, path: str) -> list[dict[str, Any]]:
    """The connections of one kind: ``{url, key, settings}``; empty where the kind is switched off."""
    used, urls, settings = (document.get(field) for field in FIELDS[path])
    keys = [*(document.get("OPENAI_API_KEYS") or []), *([""] * len(urls or []))]
    rows = [
        {"url": url, "key": key, "settings": (settings or {}).get(str(number)) or {}}
        for number, (url, key) in enumerate(zip(urls or [], keys))
    ]
    return rows if used else []


def seen(documents: dict[str, Settings], wanted: Settings, keys: dict[str, str]) -> Settings:
    """The settings that the plan has a word on, as they are, in the shape of :func:`planned` and without a key.

    Of connections only the plan's and those that gpuhost made before: others are their administrators' own.

    :param keys: what opens each address.
    """
    admin, embedding = documents[ADMIN], documents[EMBEDDING]
    return {
        "sign-up": admin.get("ENABLE_SIGNUP"),
        "role of a new account": admin.get("DEFAULT_USER_ROLE"),
        "Ollama": _named(documents[OLLAMA], OLLAMA, wanted["ollama"], keys),
        "OpenAI API": _named(documents[OPENAI], OPENAI, [one["url"] for one in wanted["openai"]], keys),
        "embedding": f"{embedding.get('RAG_EMBEDDING_ENGINE')}: {embedding.get('RAG_EMBEDDING_MODEL')}",
    }


def planned(wanted: Settings) -> Settings:
    """The settings that the plan has a word on, as it wants them."""
    return {
        "sign-up": wanted["sign_up"],
        "role of a new account": wanted["role"],
        "Ollama": sorted(wanted["ollama"]),
        "OpenAI API": sorted(one["url"] for one in wanted["openai"]),
        "embedding": wanted["embedding"],
    }


def differing(documents: dict[str, Settings], wanted: Settings, keys: dict[str, str]) -> list[str]:
    """Names of the settings that are otherwise than planned."""
    has, wants = seen(documents, wanted, keys), planned(wanted)
    return [name for name in wants if has[name] != wants[name]]


def _named(document: Settings, path: str, wanted: list[str], keys: dict[str, str]) -> list[str]:
    found = []
    for one in connections(document, path):
        if one["url"] not in wanted and not one["settings"].get(OURS):
            continue
        right = one["settings"].get("enable", True) and one["key"] == keys.get(one["url"], "")
        found.append(one["url"] if right or one["url"] not in wanted else f"{one['url']} (off, or with another key)")
    return sorted(found)


def keys_of(wanted: Settings, root: Path = Path("/")) -> dict[str, str]:
    """What opens each address of the plan, from the files that the host keeps.

    :raises OpenWebUIError: where one cannot be read.
    """
    found = {}
    for one in wanted["openai"]:
        try:
            found[one["url"]] = (root / one["key_file"].lstrip("/")).read_text(encoding="utf-8").strip()
        except PermissionError as error:
            raise OpenWebUIError("only root can read the keys of its providers", closed=True) from error
        except OSError as error:
            raise OpenWebUIError(f"{one['key_file']}: {error.strerror}") from error
    return found
