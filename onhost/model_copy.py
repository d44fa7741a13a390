"""A model copied from another host of the site: ``python3 -m onhost.model_copy ORDER``, run as the owner of Ollama's folder.

Not as root: what belongs to somebody else may be made a link to anywhere. It prints JSON, one line for each piece of news.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import json
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from . import files
from .finding import FindingError
from .siblings import model_names, model_store

SILENCE_SECONDS = 60
CHUNK = 1 << 20
#: Seconds before the next try after a cut.
PAUSES: tuple[float, ...] = (1, 5, 15)
EXIT_CUT, EXIT_REFUSED = 3, 4


class CutError(Exception):
    """The other host did not answer, or broke off."""


def main(text: str) -> int:
    """0: the model is here; 3: the other host gave nothing more; 4: what came is refused, or there is no room for it.

    An order with ``drop``, digests, has only what came of those go.
    """
    order = json.loads(text)
    if "drop" in order:
        drop(Path(order["folder"]), order["drop"])
        return 0
    try:
        for news in copy(order["cache"], order["model"], Path(order["folder"])):
            print(json.dumps(news), flush=True)
    except CutError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return EXIT_CUT
    except FindingError as error:
        print(json.dumps({"id": error.id, "error": error.seen}), flush=True)
        return EXIT_REFUSED
    return 0


def copy(cache: dict[str, Any], name: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Ollama's folder has the model in the end.

    Yields first `{begun}`, the digests of what is to be copied, `{done, total}` in bytes, and last its `{digest}`
    (hexadecimal).

    What came before a cut is not fetched again.

    :param cache: ``{url, certificate, key_folder}``: where the other host answers, the certificate that it must show, and
        the folder with ours.
    :raises CutError: when the other host gives nothing more.
    :raises FindingError: ``GH-MODEL-DIGEST`` or ``GH-DISK-FULL``.
    """
    peer, store = _Peer(cache), model_store.Store(folder)
    try:
        manifest = peer.read(f"/manifest/{quote(name)}")
        layers = model_store.layers(manifest)
    except ValueError as error:
        raise CutError(f"{name}: {error}") from error
    missing = [layer for layer in layers if not store.has(layer)]
    yield {"begun": [layer["digest"] for layer in missing]}
    total = sum(layer["size"] for layer in layers)
    done = total - sum(layer["size"] for layer in missing)
    for layer in missing:
        for more in _layer(peer, layer, store.blob(layer["digest"])):
            yield {"done": done + more, "total": total}
        done += layer["size"]
    _put(folder / model_names.parse(name).manifest, manifest)
    yield {"digest": hashlib.sha256(manifest).hexdigest()}


def drop(folder: Path, digests: list[str]) -> None:
    """What came of these blobs before a cut is gone: nobody goes on with it, and it would take the room a second time."""
    store = model_store.Store(folder)
    for digest in digests:
        _partial(store.blob(digest)).unlink(missing_ok=True)


def _partial(blob: Path) -> Path:
    return blob.with_name(f"{blob.name}{model_store.OUR_PART}")


def _layer(peer: _Peer, layer: dict[str, Any], blob: Path) -> Iterator[int]:
    """Yield how much of it is here, until all of it is, and is what its digest says."""
    partial = _partial(blob)
    partial.parent.mkdir(parents=True, exist_ok=True)
    waits = list(PAUSES)
    while True:
        start = _size(partial)
        try:
            yield from peer.fetch(f"/blob/{layer['digest']}", partial, layer["size"])
            break
        except CutError:
            waits = list(PAUSES) if _size(partial) > start else waits
            if not waits:
                raise
            time.sleep(waits.pop(0))
    if model_store.DIGEST + files.sha256(partial) != layer["digest"]:
        partial.unlink()
        raise FindingError("GH-MODEL-DIGEST", f"{layer['digest']}: {peer.host} handed out something else")
    partial.replace(blob)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


class _Peer:
    """The other host, which has to show one certain certificate, and is shown ours."""

    def __init__(self, cache: dict[str, Any]) -> None:
        parts = urlsplit(cache["url"])
        self.host, self._port = str(parts.hostname), parts.port
        self._trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._trust.minimum_version = ssl.TLSVersion.TLSv1_3
        # The certificate itself is trusted, whatever name stands in it.
        self._trust.check_hostname = False
        self._trust.load_verify_locations(cadata=cache["certificate"])
        folder = Path(cache["key_folder"])
        self._trust.load_cert_chain(folder / "certificate.pem", folder / "key.pem")

    def read(self, path: str) -> bytes:
        """A small answer."""
        answer = self._ask(path, {})
        try:
            return bytes(answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise CutError(f"{self.host}: {error}") from error

    def fetch(self, path: str, partial: Path, size: int) -> Iterator[int]:
        """Yield the bytes that are in ``partial``, until all are."""
        have = _size(partial)
        if have < size:
            answer = self._ask(path, {"Range": f"bytes={have}-"} if have else {})
            # Who answers with the whole file does not go on where we are.
            have = have if answer.status == 206 else 0
            with partial.open("ab" if have else "wb") as file:
                while have < size:
                    data = _next(answer, min(CHUNK, size - have), self.host)
                    _write(file, data, partial)
                    have += len(data)
                    yield have
        yield have

    def _ask(self, path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        connection = http.client.HTTPSConnection(self.host, self._port, context=self._trust, timeout=SILENCE_SECONDS)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise CutError(f"{self.host}: {error}") from error
        if answer.status not in (200, 206):
            raise CutError(f"{self.host} answered {answer.status}")
        return answer


def _next(answer: http.client.HTTPResponse, count: int, host: str) -> bytes:
    try:
        data = answer.read(count)
    except (OSError, http.client.HTTPException) as error:
        raise CutError(f"{host}: {error}") from error
    if not data:
        raise CutError(f"{host} broke off")
    return data


def _write(file: Any, data: bytes, path: Path) -> None:
    try:
        file.write(data)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise FindingError("GH-DISK-FULL", f"{path}: no space left on device") from error
        raise


def _put(path: Path, data: bytes) -> None:
    """The file is there as a whole; only now does Ollama list the model."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.gpuhost")
    draft.write_bytes(data)
    draft.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
