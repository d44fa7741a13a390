"""`storage/anythingllm.db`: made at the first start, kept afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path


class Database:
    """Settings, and keys of the developers' API. sqlite3.OperationalError where this user may not write in the folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._run("CREATE TABLE IF NOT EXISTS system_settings (label TEXT PRIMARY KEY, value TEXT)")
        self._run("CREATE TABLE IF NOT EXISTS api_keys (id INTEGER PRIMARY KEY, secret TEXT UNIQUE)")

    def onboarded(self) -> bool:
        return ("true",) in self._run("SELECT value FROM system_settings WHERE label = 'onboarding_complete'")

    def mark_onboarded(self) -> None:
        self._run("INSERT OR REPLACE INTO system_settings VALUES ('onboarding_complete', 'true')")

    def add_key(self, secret: str) -> object:
        """The number of a new key of the developers' API."""
        self._run("INSERT INTO api_keys (secret) VALUES (?)", secret)
        return self._run("SELECT id FROM api_keys WHERE secret = ?", secret)[0][0]

    def has_key(self, secret: str) -> bool:
        return bool(self._run("SELECT id FROM api_keys WHERE secret = ?", secret))

    def _run(self, statement: str, *values: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            return connection.execute(statement, values).fetchall()


def set_up_by(environ: Mapping[str, str]) -> bool:
    """Whether the environment alone says that this instance was set up (utils/boot/markOnboarded.js)."""
    return any(environ.get(key) for key in ("LLM_PROVIDER", "VECTOR_DB", "AUTH_TOKEN", "JWT_SECRET"))
