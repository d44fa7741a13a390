"""Runs llama.cpp's `llama-server`, one process per loaded model, and ends it when its time is over."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .store import ApiError, Model

CONTEXT = 2048
LOAD_TIMEOUT_S = 60.0
COMMAND = f"""llama-server --offline --no-ui --no-slots --embeddings --pooling mean --parallel 1
    --ctx-size {CONTEXT} --log-verbosity 1 --host 127.0.0.1""".split()


@dataclass
class Runner:
    """A running `llama-server` with one model."""

    model: Model
    process: subprocess.Popen[bytes]
    port: int
    expires_at: float = 0.0
    users: int = 0

    def post(self, path: str, body: dict[str, object]) -> dict[str, Any]:
        """The JSON answer of llama-server."""
        response = self._send(path, body)
        try:
            answer: dict[str, Any] = json.load(response)
            return answer
        finally:
            response.close()

    def stream(self, body: dict[str, object]) -> Iterator[dict[str, Any]]:
        """The events of a completion, as they are computed; closing the iterator stops the computation."""
        response = self._send("/completion", {**body, "stream": True})
        try:
            for line in response:
                if line.startswith(b"data: "):
                    yield json.loads(line[len(b"data: ") :])
        finally:
            response.close()

    def resident_bytes(self) -> int:
        """Main memory the process holds."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def _send(self, path: str, body: dict[str, object]) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", "Connection": "close"})
        response = connection.getresponse()
        if response.status != 200:
            error = json.load(response)["error"]
            raise ApiError(400 if response.status == 400 else 500, str(error["message"]))
        return response


class Runners:
    """The loaded models."""

    def __init__(self) -> None:
        self._runners: dict[str, Runner] = {}
        self._lock = threading.Lock()

    @contextmanager
    def use(self, model: Model, keep_alive: float) -> Iterator[Runner]:
        """The model's runner, started if it was not; it stays for `keep_alive` seconds after this use."""
        with self._lock:
            runner = self._runners.get(model.digest)
            if runner is None or runner.process.poll() is not None:
                runner = self._runners[model.digest] = _start(model)
            runner.users += 1
            runner.expires_at = time.time() + keep_alive
        try:
            yield runner
        finally:
            with self._lock:
                runner.users -= 1
                runner.expires_at = time.time() + keep_alive
            if keep_alive == 0:
                self.expire(time.time())

    def loaded(self) -> list[Runner]:
        """What is loaded, the one that stays longest first."""
        with self._lock:
            return sorted(self._runners.values(), key=lambda runner: runner.expires_at, reverse=True)

    def unload(self, model: Model) -> None:
        """End the model's runner, if it has one."""
        with self._lock:
            runner = self._runners.pop(model.digest, None)
        if runner:
            _stop(runner)

    def expire(self, now: float) -> None:
        """End the runners whose time is over and that are not answering anybody."""
        with self._lock:
            over = [key for key, runner in self._runners.items() if runner.expires_at <= now and not runner.users]
            gone = [self._runners.pop(key) for key in over]
        for runner in gone:
            _stop(runner)

    def stop(self) -> None:
        """End all of them."""
        for runner in self.loaded():
            self.unload(runner.model)


def _start(model: Model) -> Runner:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [*COMMAND, "--model", str(model.weights), "--port", str(port)]
    process = subprocess.Popen(command)
    runner = Runner(model, process, port)
    deadline = time.monotonic() + LOAD_TIMEOUT_S
    while not _healthy(port):
        if process.poll() is not None:
            raise ApiError(500, f"llama runner process has terminated: exit status {process.returncode}")
        if time.monotonic() > deadline:
            _stop(runner)
            raise ApiError(500, f"timed out waiting for llama runner to start after {LOAD_TIMEOUT_S:.0f} s")
        time.sleep(0.02)
    return runner


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _stop(runner: Runner) -> None:
    runner.process.terminate()
    try:
        runner.process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        runner.process.kill()
        runner.process.wait()
