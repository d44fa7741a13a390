"""Headless Chromium for the lab's tests, driven by Playwright: it trusts one authority more than it is made with."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--disable-background-networking")


@contextmanager
def trusting(authority: Path, home: Path, **options: Any) -> Iterator[Any]:
    """A page of a browser in whose store (NSS, as Chromium reads it on Linux) the authority is. Certificates are checked.

    :param home: an empty folder that the browser has for itself.
    :param options: of Playwright's browser context: ``viewport``, ``color_scheme``.
    """
    from playwright.sync_api import sync_playwright

    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    for words in (["-N", "--empty-password"], ["-A", "-n", "gateway", "-t", "C,,", "-i", str(authority)]):
        subprocess.run(["certutil", "-d", f"sql:{store}", *words], check=True, capture_output=True)
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(home / "profile"), executable_path=program, args=list(FLAGS), env={"HOME": str(home)}, **options
        )
        context.set_default_timeout(60_000)
        try:
            yield context.pages[0]
        finally:
            context.close()


def log_in(page: Any, home: str, name: str, password: str) -> None:
    """The page after the login is the one that the person wanted."""
    page.fill("#id_username", name)
    page.fill("#id_password", password)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/login" not in url)
