"""The head of a GGUF file: what a model is made of, without its weights (ggml docs/gguf.md).

The file is read through a function, so that a head can be had of a file elsewhere, by ranges.
"""

from __future__ import annotations

import struct
from typing import Any, Callable

#: Gives up to so many bytes from a place in the file; fewer at its end.
Read = Callable[[int, int], bytes]

MAGIC = b"GGUF"
CHUNK = 256 * 1024
#: What a head may take, vocabulary left out. Converters write it after what is wanted here.
LIMIT = 4 * 1024 * 1024
#: A list of more than this is data (a vocabulary), not a property.
MANY = 1024
VOCABULARY = "tokenizer."

_STRING, _ARRAY = 8, 9
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


def head(read: Read) -> dict[str, Any]:
    """The properties of a model by their keys, up to its vocabulary. A list of many is its length.

    :raises ValueError: for a file that is no GGUF, is cut short, or has a head of more than :data:`LIMIT` bytes.
    """
    source = _Source(read)
    if source.take(4) != MAGIC:
        raise ValueError("no GGUF file")
    version = source.number("I")
    if version not in (2, 3):
        raise ValueError(f"GGUF version {version} is not known")
    source.number("Q")  # how many tensors there are
    found: dict[str, Any] = {}
    for _ in range(source.number("Q")):
        key = source.string()
        if key.startswith(VOCABULARY) and "general.architecture" in found:
            break
        found[key] = source.value(source.number("I"))
    return found


class _Source:
    """A file, read from its beginning on, a chunk at a time."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._at = 0
        self._chunk = b""
        self._start = 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        end = self._at + count
        if end > LIMIT:
            raise ValueError(f"the head of the GGUF file has more than {LIMIT} bytes")
        while self._start + len(self._chunk) < end:
            offset = self._start + len(self._chunk)
            more = self._read(offset, CHUNK)
            if not more:
                raise ValueError("the GGUF file is cut short")
            kept = self._chunk[max(self._at - self._start, 0) :]
            self._start, self._chunk = offset - len(kept), kept + more
        taken = self._chunk[self._at - self._start : end - self._start]
        self._at = end
        return taken

    def number(self, form: str) -> Any:
        return struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))[0]

    def string(self) -> str:
        return self.take(self.number("Q")).decode("utf-8", "replace")

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            return self._list(self.number("I"), self.number("Q"))
        if kind not in _NUMBERS:
            raise ValueError(f"the GGUF file has a value of the unknown kind {kind}")
        return self.number(_NUMBERS[kind])

    def _list(self, kind: int, count: int) -> Any:
        if count > MANY:
            for _ in range(count if kind in (_STRING, _ARRAY) else 0):
                self.value(kind)
            if kind in _NUMBERS:
                self.take(count * struct.calcsize(f"<{_NUMBERS[kind]}"))
            return count
        return [self.value(kind) for _ in range(count)]
