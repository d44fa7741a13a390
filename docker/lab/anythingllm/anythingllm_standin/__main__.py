"""Starts as the real image does: warns without STORAGE_DIR, opens the database, completes `.env`, listens."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
from collections.abc import MutableMapping
from pathlib import Path

from . import NOTICE, environment
from .application import Application
from .database import Database, set_up_by
from .server import Server

PORT = 3001


def start(root: Path, environ: MutableMapping[str, str]) -> Application:
    """A started instance; SystemExit with the real one's words where storage or `.env` do not allow it."""
    print(NOTICE, flush=True)
    if not environ.get("STORAGE_DIR"):
        print("WARNING: STORAGE_DIR environment variable is not set! This will result in data loss.", flush=True)
    try:
        # The schema names the file relative to itself, so STORAGE_DIR does not move it.
        database = Database(root / "storage/anythingllm.db")
    except sqlite3.OperationalError as error:
        sys.exit(f"Error: Schema engine error:\nSQLite database error\n{error}: ../storage/anythingllm.db")
    env_file = root / ".env"
    environment.load(env_file, environ)
    try:
        made = environment.ensure_signature(env_file, environ)
    except OSError as error:
        sys.exit(f"Error: {error.strerror}, open '{env_file}'")
    verb = "Self-assigning" if made else "Loaded existing"
    print(f"[EncryptionManager] {verb} key & salt for encrypting arbitrary data.", flush=True)
    if set_up_by(environ):
        database.mark_onboarded()
    return Application(root, environ, database)


def main() -> None:
    """Run until SIGTERM."""
    app = start(Path("/app/server"), os.environ)
    port = int(os.environ.get("SERVER_PORT") or PORT)
    server = Server(("0.0.0.0", port), app)  # inside the container, as the image it stands in for
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"Primary server in HTTP mode listening on port {port}", flush=True)
    server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
