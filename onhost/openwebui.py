"""Open WebUI has the settings of the plan in its own database; what its administrators added stays."""

from __future__ import annotations

from typing import Any

from .siblings import Engine, openwebui

Settings = dict[str, Any]


def apply(row: Settings, check: bool = False, engine: Engine | None = None) -> list[str]:
    """The settings are the plan's; the names of those that were not.

    :param row: ``{url, container, env_file, wanted}`` as the plan has it.
    :raises OpenWebUIError: where it cannot be asked, or takes something and does not keep it.
    """
    wanted, keys = row["wanted"], openwebui.keys_of(row["wanted"])
    api = openwebui.enter(row["url"], row["container"], row["env_file"], engine or Engine())
    documents = api.documents()
    other = openwebui.differing(documents, wanted, keys)
    if other and not check:
        for name in other:
            path, body = _request(name, documents, wanted, keys)
            api.ask(path, body)
            # Two of them are parts of one document.
            documents[openwebui.ADMIN].update(_access(wanted))
        left = openwebui.differing(api.documents(), wanted, keys)
        if left:
            raise openwebui.OpenWebUIError(f"it did not keep what it was told: {', '.join(left)}")
    return other


def _request(name: str, documents: dict[str, Settings], wanted: Settings, keys: dict[str, str]) -> tuple[str, Settings]:
    """Path and body of what brings one setting to the plan; everything else in the body is as it was."""
    if name in ("sign-up", "role of a new account"):
        # Only a person may send what concerns second factors, even unchanged.
        kept = {key: value for key, value in documents[openwebui.ADMIN].items() if "MFA" not in key}
        return openwebui.ADMIN, {**kept, **_access(wanted)}
    if name == "embedding":
        engine, _, model = wanted["embedding"].partition(": ")
        chosen = {"RAG_EMBEDDING_ENGINE": engine, "RAG_EMBEDDING_MODEL": model}
        return f"{openwebui.EMBEDDING}/update", {**documents[openwebui.EMBEDDING], **chosen}
    path = openwebui.OLLAMA if name == "Ollama" else openwebui.OPENAI
    urls = wanted["ollama"] if name == "Ollama" else [one["url"] for one in wanted["openai"]]
    return f"{path}/update", _connected(documents[path], path, urls, keys)


def _access(wanted: Settings) -> Settings:
    return {"ENABLE_SIGNUP": wanted["sign_up"], "DEFAULT_USER_ROLE": wanted["role"]}


def _connected(document: Settings, path: str, urls: list[str], keys: dict[str, str]) -> Settings:
    """The plan's connections first, then those of others. One without a key that was never used is the program's default."""
    used, addresses, settings = openwebui.FIELDS[path]
    there = openwebui.connections({**document, used: True}, path)
    before = {one["url"]: one["settings"] for one in there}
    ours = [
        {"url": url, "key": keys.get(url, ""), "settings": {**before.get(url, {}), "enable": True, openwebui.OURS: True}}
        for url in urls
    ]
    on = bool(document.get(used))
    others = [
        one
        for one in there
        if one["url"] not in urls and not one["settings"].get(openwebui.OURS) and (on or one["key"] or one["settings"])
    ]
    rows = [*ours, *others]
    body = {
        used: bool(ours) or (on and bool(others)),
        addresses: [one["url"] for one in rows],
        settings: {str(number): one["settings"] for number, one in enumerate(rows)},
    }
    return {**body, "OPENAI_API_KEYS": [one["key"] for one in rows]} if path == openwebui.OPENAI else body
