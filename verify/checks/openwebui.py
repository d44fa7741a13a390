"""Open WebUI: its page, whether it lets strangers in, and the settings in its own database beside the plan's."""

from __future__ import annotations

from typing import Any

from .. import openwebui
from ..result import Result, compare, judged, unverifiable
from .context import Context
from .pages import mapping, start
from .running import logs

PAGES = {"page": "/", "closed": "/api/models", "config": "/api/config"}
#: What each setting is worth, and what another value does.
WHY = {
    "sign-up": "whoever reaches the page makes an account",
    "role of a new account": "a new account is not what the site wants it to be",
    "Ollama": "chats do not reach this host's Ollama",
    "OpenAI API": "chats do not reach llama.cpp or the site's provider, or go where the site does not want them",
    "embedding": "documents are made searchable by another model than the site's",
}


def look(row: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """``{settings}`` as its API tells them, without a key; ``{error, closed}`` where it does not."""
    planned = row["settings"]
    try:
        keys = openwebui.keys_of(planned["wanted"], ctx.root)
        api = openwebui.enter(row["url"], row["container"], planned["env_file"], ctx.engine, ctx.root)
        return {"settings": openwebui.seen(api.documents(), planned["wanted"], keys)}
    except openwebui.OpenWebUIError as error:
        return {"error": error.message, "closed": error.closed}


def judge(row: dict[str, Any], pages: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    page, closed, needs = pages.get("page") or {}, pages.get("closed") or {}, (f"services.{row['name']}.answers",)
    features = mapping(pages.get("config")).get("features") or {}
    return [
        judged(
            "services.openwebui.page",
            page.get("status") == 200 and "Open WebUI" in (page.get("body") or ""),
            seen=f"HTTP {page.get('status')}: {start(page.get('body') or '')}",
            wanted="HTTP 200 and Open WebUI's page",
            why="The address that people open does not show Open WebUI, although the service behind it may be well.",
            next=logs(row),
            needs=needs,
        ),
        compare(
            "services.openwebui.refuses_without_login",
            seen=closed.get("status"),
            wanted=401,
            why="Open WebUI tells strangers what it has: whoever reaches the port uses the GPU."
            if closed.get("status") == 200
            else f"Without a login Open WebUI answers HTTP {closed.get('status')}, not the refusal (401) it should.",
            next="Run `gpuhost up` again.",
            needs=needs,
        ),
        compare(
            "services.openwebui.login",
            seen={"login": features.get("auth"), "sign-up": features.get("enable_signup")},
            wanted={"login": True, "sign-up": False},
            why="Open WebUI asks nobody who he is, or lets everybody make an account.",
            next="Run `gpuhost up` again: it switches sign-up off.",
            needs=needs,
        ),
        *_settings(row, pages.get("settings") or {"error": "it was not asked", "closed": False}, needs),
    ]


def _settings(row: dict[str, Any], said: dict[str, Any], needs: tuple[str, ...]) -> list[Result]:
    """One result for each setting, so that drift has a name."""
    wanted = openwebui.planned(row["settings"]["wanted"])
    if "error" in said:
        id = "services.openwebui.settings"
        if said["closed"]:
            return [unverifiable(id, said["error"], wanted=wanted, next="Run it with sudo.")]
        why = f"Open WebUI's settings cannot be read: {said['error']}."
        return [judged(id, False, seen=said["error"], wanted=wanted, why=why, next=logs(row), needs=needs)]
    return [
        compare(
            f"services.openwebui.setting.{name.lower().replace(' ', '_')}",
            seen=said["settings"].get(name),
            wanted=value,
            why=f"{name} is {said['settings'].get(name)} in Open WebUI's database: {WHY[name]}.",
            next="Run `gpuhost up` again: it sets it through Open WebUI's API, and leaves what administrators added.",
            needs=needs,
        )
        for name, value in wanted.items()
    ]
