"""Client of the Docker Engine API over its unix socket, with the standard library alone.

Paths are unversioned (``/containers/json``): engines 20.10 to 29 answer those with their own newest
version, so nothing is negotiated. API: https://docs.docker.com/reference/api/engine/
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Union
from urllib.parse import quote, urlencode

SOCKET = "/var/run/docker.sock"

# A build or a pull may be silent for long (a compiler at work, a large layer being unpacked).
IDLE_SECONDS = 3600.0

# Evaluated when the module loads, so not spelled with "|", which Python 3.9 cannot.
Body = Union[None, bytes, dict[str, Any], Iterator[bytes]]


class EngineError(Exception):
    """The engine refused, failed or cannot be reached; ``status`` is HTTP's, 0 when there was no answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class _UnixConnection(http.client.HTTPConnection):
    """An HTTP connection whose transport is a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path
        # http.client lets go of `sock` once an answer has begun; a deadline still has to be set on it then.
        self.stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def connect(self) -> None:
        self.stream.settimeout(self.timeout)
        self.stream.connect(self._path)
        self.sock = self.stream


class Engine:
    """One engine, reached over ``socket_path``; ``timeout`` is in seconds and per read."""

    def __init__(self, socket_path: str = SOCKET, timeout: float = 10) -> None:
        self.socket_path = socket_path
        self.timeout = timeout

    def available(self) -> bool:
        """Whether an engine answers on the socket."""
        try:
            return bool(self.get("/_ping") == "OK")
        except EngineError:
            return False

    def get(self, path: str) -> Any:
        """The answer to a GET: parsed JSON, else text, or ``None`` when it is empty."""
        return self._simple("GET", path)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The answer to a POST with a JSON body; a state that already holds (304) is no error."""
        return self._simple("POST", path, body)

    def delete(self, path: str) -> Any:
        """The answer to a DELETE."""
        return self._simple("DELETE", path)

    def stream(
        self, method: str, path: str, body: Body = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """The JSON objects that the engine sends one by one, as for a pull or a build.

        :raises EngineError: on a refusal, or when the stream breaks off; an ``error`` object *inside* the
            stream is handed to the caller, who knows what it means.
        """
        response = self._request(method, path, body, headers, IDLE_SECONDS)
        try:
            for line in response:
                if line.strip():
                    yield json.loads(line)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise EngineError(0, f"the engine's answer to {method} {path} broke off: {error}") from error
        finally:
            response.close()

    def exec(
        self,
        container: str,
        argv: Sequence[str],
        user: str | None = None,
        env: Mapping[str, str] | None = None,
        workdir: str | None = None,
        timeout: float = 60,
    ) -> tuple[int, str, str]:
        """Run ``argv`` in a running container; exit status, standard output and standard error.

        :raises EngineError: when the container does not run, or the time is over (the command then goes on
            in the container: the API has no way to end it).
        """
        wanted: dict[str, Any] = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(argv)}
        wanted.update({"User": user} if user else {})
        wanted.update({"Env": [f"{key}={value}" for key, value in env.items()]} if env else {})
        wanted.update({"WorkingDir": workdir} if workdir else {})
        made = self.post(f"/containers/{quote(container)}/exec", wanted)["Id"]
        output = self._read_until(f"/exec/{made}/start", {"Detach": False, "Tty": False}, timeout)
        stdout, stderr = demultiplex(output)
        code = self.get(f"/exec/{made}/json")["ExitCode"]
        return int(code), stdout, stderr

    def containers(self, all: bool = True) -> list[dict[str, Any]]:
        """The containers as the engine lists them, stopped ones too unless ``all`` is false."""
        listed: list[dict[str, Any]] = self.get("/containers/json?" + urlencode({"all": int(all)}))
        return listed

    def container(self, name: str) -> dict[str, Any] | None:
        """The inspection of a container, or ``None`` when there is none of that name."""
        return self._or_none(f"/containers/{quote(name)}/json")

    def image(self, name: str) -> dict[str, Any] | None:
        """The inspection of an image, or ``None`` when it is not on this host."""
        return self._or_none(f"/images/{quote(name, safe='/:@')}/json")

    def network(self, name: str) -> dict[str, Any] | None:
        """The inspection of a network, or ``None`` when there is none of that name."""
        return self._or_none(f"/networks/{quote(name)}")

    def logs(self, container: str, tail: int = 50) -> str:
        """The last ``tail`` lines that a container wrote, both streams, in the order the engine kept them."""
        query = urlencode({"stdout": 1, "stderr": 1, "tail": tail})
        path = f"/containers/{quote(container)}/logs?{query}"
        with self._request("GET", path, None, None, self.timeout) as response:
            return _decode(b"".join(payload for _, payload in _frames(response.read())))

    def _or_none(self, path: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self.get(path)
        except EngineError as error:
            if error.status == 404:
                return None
            raise
        return found

    def _simple(self, method: str, path: str, body: Body = None) -> Any:
        with self._request(method, path, body, None, self.timeout) as response:
            try:
                return _parse(response.read())
            except (OSError, http.client.HTTPException) as error:
                raise EngineError(0, f"no full answer to {method} {path}: {error}") from error

    def _read_until(self, path: str, body: dict[str, Any], seconds: float) -> bytes:
        """Everything the engine sends until it closes, within ``seconds`` overall."""
        deadline, parts = time.monotonic() + seconds, bytearray()
        connection = _UnixConnection(self.socket_path, seconds)
        response = self._answer(connection, "POST", path, body, None)
        try:
            while True:
                connection.stream.settimeout(max(0.001, deadline - time.monotonic()))
                part = response.read1(65536)
                if not part:
                    return bytes(parts)
                parts += part
        except OSError as error:
            raise EngineError(0, f"no end after {seconds:g} s: {_decode(bytes(parts))[-200:]}") from error
        finally:
            response.close()

    def _request(
        self, method: str, path: str, body: Body, headers: Mapping[str, str] | None, timeout: float
    ) -> http.client.HTTPResponse:
        return self._answer(_UnixConnection(self.socket_path, timeout), method, path, body, headers)

    def _answer(
        self,
        connection: _UnixConnection,
        method: str,
        path: str,
        body: Body,
        headers: Mapping[str, str] | None,
    ) -> http.client.HTTPResponse:
        """The response to a request, once its status says that it succeeded."""
        sent = dict(headers or {})
        if isinstance(body, dict):
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        # No reuse: with "close" the engine ends a hijacked stream (exec) by closing, which read() can see.
        sent.setdefault("Connection", "close")
        chunked = not (body is None or isinstance(body, bytes))
        try:
            connection.request(method, path, body=body, headers=sent, encode_chunked=chunked)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise EngineError(0, f"{self.socket_path}: {_why(error, self.socket_path)}") from error
        if response.status >= 400:
            with response:
                message = _message(response.read(), response.reason)
            raise EngineError(response.status, message)
        return response


def demultiplex(data: bytes) -> tuple[str, str]:
    """Standard output and standard error out of the engine's raw stream (8 bytes head each part)."""
    streams = {1: bytearray(), 2: bytearray()}
    for number, payload in _frames(data):
        streams[2 if number == 2 else 1] += payload
    return _decode(bytes(streams[1])), _decode(bytes(streams[2]))


def _frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The parts of a raw stream; a container with a terminal sends bytes without heads, all of stream 1."""
    position = 0
    while position < len(data):
        header = data[position : position + 8]
        if len(header) < 8 or header[0] > 2 or header[1:4] != b"\0\0\0":
            yield 1, data[position:]
            return
        size = int.from_bytes(header[4:8], "big")
        yield header[0], data[position + 8 : position + 8 + size]
        position += 8 + size


def _parse(data: bytes) -> Any:
    if not data.strip():
        return None
    try:
        return json.loads(data)
    except ValueError:
        return _decode(data)


def _message(data: bytes, reason: str) -> str:
    parsed = _parse(data)
    if isinstance(parsed, dict) and parsed.get("message"):
        return str(parsed["message"])
    return str(parsed or reason)


def _why(error: Exception, path: str) -> str:
    if isinstance(error, FileNotFoundError):
        return "no engine listens there (not installed, or not started)"
    if isinstance(error, PermissionError):
        return "permission denied (root or the group docker may open it)"
    if isinstance(error, ConnectionRefusedError):
        return "the socket is there, but no engine listens on it"
    if isinstance(error, socket.timeout):
        return "the engine did not answer in time"
    if not Path(path).is_socket():
        return "this is not a socket"
    return str(error) or type(error).__name__


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "replace")
