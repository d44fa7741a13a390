"""A headless Chromium, spoken to over its own pipe (Chrome DevTools Protocol), so that nothing but Chromium is needed."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)

#: Where Chromium reads commands and writes events with --remote-debugging-pipe.
IN, OUT = 3, 4


def _wire(to_read: int, to_write: int) -> None:
    """Put the pipe's ends where Chromium looks for them; copies first, since they may be in each other's place."""
    read, write = (fcntl.fcntl(fd, fcntl.F_DUPFD, OUT + 1) for fd in (to_read, to_write))
    os.dup2(read, IN)
    os.dup2(write, OUT)


class Page:
    """One page in a browser of its own. ``requests`` are the addresses it asked for."""

    def __init__(self) -> None:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        if program is None:
            raise RuntimeError("Chromium is not installed; on Debian: apt-get install chromium")
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        self._browser = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={self._profile.name}"],
            pass_fds=(IN, OUT),
            preexec_fn=partial(_wire, to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._buffer, self._number, self._session, self._loads = b"", 0, "", 0
        self.requests: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._call("Page.enable")
        self._call("Network.enable")

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._browser.terminate()
        try:
            self._browser.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._browser.kill()
            self._browser.wait()
        os.close(self._write)
        os.close(self._read)
        self._profile.cleanup()

    def open(self, path: Path, width: int, height: int = 900, dark: bool = False, media: str = "screen") -> None:
        """Show a file in a window of that many CSS pixels, or as it is printed; it has loaded when this returns."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._call("Emulation.setDeviceMetricsOverride", **metrics)
        # Without motion, so that a click does not aim at what is still scrolling.
        wishes = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        self._call("Emulation.setEmulatedMedia", media=media, features=features)
        before = self._loads
        self._call("Page.navigate", url=path.as_uri())
        self._until_loaded(before)

    def follow(self, selector: str) -> None:
        """Click a link to another page; that has loaded when this returns."""
        before = self._loads
        self.click(selector)
        self._until_loaded(before)

    def js(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
        return answer["result"].get("value")

    def click(self, selector: str) -> None:
        """Press the mouse where the middle of an element is, as a reader does."""
        self.js(f"document.querySelector({selector!r}).scrollIntoView({{block: 'center', behavior: 'instant'}})")
        box = f"document.querySelector({selector!r}).getBoundingClientRect()"
        at = {"x": self.js(f"{box}.x + {box}.width / 2"), "y": self.js(f"{box}.y + {box}.height / 2")}
        for event in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=event, button="left", clickCount=1, **at)

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            said = self._next()
            if said.get("id") == self._number:
                if "error" in said:
                    raise RuntimeError(f"{method}: {said['error']['message']}")
                answer: dict[str, Any] = said["result"]
                return answer

    def _until_loaded(self, before: int) -> None:
        # The event may have come already, with the answer to a command.
        while self._loads == before:
            self._next()

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            part = os.read(self._read, 1 << 16)
            if not part:
                raise RuntimeError(f"Chromium ended with exit status {self._browser.wait()}")
            self._buffer += part
        line, _, self._buffer = self._buffer.partition(b"\0")
        said: dict[str, Any] = json.loads(line)
        if said.get("method") == "Network.requestWillBeSent":
            self.requests.append(said["params"]["request"]["url"])
        self._loads += said.get("method") == "Page.loadEventFired"
        return said
