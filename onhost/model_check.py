"""Blobs that came for a model compared with their digests: ``python3 -m onhost.model_check ORDER``, run as their owner.

Ollama compares only what the request fetched that ends well; what one before it fetched until a cut, it takes as it is. Not
as root, as :mod:`onhost.model_copy` is not. It prints JSON, one line for each piece of news.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .siblings import model_store

CHUNK = 1 << 20


def main(text: str) -> int:
    """0: everything was compared, and what was not what it should be is gone."""
    order = json.loads(text)
    for news in check(model_store.Store(order["folder"]), order["model"], order["had"]):
        print(json.dumps(news), flush=True)
    return 0


def check(store: model_store.Store, name: str, had: list[str]) -> Iterator[dict[str, Any]]:
    """Yields `{done, total}` in bytes, and `{wrong}`, the digest of a blob that was something else and is gone.

    :param had: names of the files that were there before; they are not looked at.
    """
    layers = [(layer, store.blob(layer["digest"])) for layer in model_store.layers(store.manifest(name) or b"")]
    came = [(layer, blob) for layer, blob in layers if blob.name not in had and blob.is_file()]
    total, done = sum(layer["size"] for layer, _ in came), 0
    for layer, blob in came:
        digest = hashlib.sha256()
        with blob.open("rb") as stream:
            for data in iter(lambda: stream.read(CHUNK), b""):
                digest.update(data)
                done += len(data)
                yield {"done": done, "total": total}
        if model_store.DIGEST + digest.hexdigest() != layer["digest"]:
            blob.unlink()
            yield {"wrong": layer["digest"]}


def files_of(folder: Path) -> list[str]:
    """The blobs that are there as a whole, as far as Ollama knows."""
    # What is on its way has a further part in its name.
    return sorted(path.name for path in (folder / "blobs").glob("sha256-*") if path.name.count("-") == 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
