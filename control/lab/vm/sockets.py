"""Sockets in a machine's folder, whose path may be longer than a socket's path may be."""

from __future__ import annotations

import os
import socket
from pathlib import Path

MONITOR = "qmp.sock"
CONSOLE = "console.sock"


def connect(folder: Path, name: str, timeout_s: float) -> socket.socket:
    """A connection to the socket. Raises OSError where nothing listens."""
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(timeout_s)
    descriptor = os.open(folder, os.O_PATH)
    try:
        made.connect(f"/proc/self/fd/{descriptor}/{name}")
    except OSError:
        made.close()
        raise
    finally:
        os.close(descriptor)
    return made
