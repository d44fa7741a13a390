"""Starts the service: the database is there and swept, then gunicorn takes over this process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django
from django.core.management import call_command

#: One process, because sessions are kept in its memory beside the database; threads do the waiting.
THREADS = 16
#: Of the container, which publishes nothing: the proxy alone is on its network.
LISTEN = "0.0.0.0:8000"


def main() -> None:
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("clearsessions")
    call_command("axes_reset_logs", age=30, verbosity=0)
    words = ["gunicorn", "--bind", LISTEN, "--workers", "1", "--threads", str(THREADS), "--worker-tmp-dir", "/tmp"]
    # The proxy is the only peer, and writes these headers itself.
    words += ["--forwarded-allow-ips", "*", "--limit-request-line", "8190", "--no-control-socket"]
    # No header says where an address begins: with SCRIPT_NAME one service's question would be another's.
    words += ["--forwarder-headers", "", "gateway_login.wsgi"]
    os.execv(Path(sys.executable).with_name("gunicorn"), words)


if __name__ == "__main__":
    main()
