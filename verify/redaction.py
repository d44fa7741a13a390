"""Texts without secrets, for others to read: by what secrets look like, and by the host's own.

A secret of a host never leaves it. Who has texts elsewhere gets fingerprints (:func:`fingerprints`): keyed digests of all
its written forms, with which it is found and from which it cannot be told.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote, quote_plus

#: Stands where a secret was.
REMOVED = "<removed>"
#: A shorter value is no secret worth the name, and would tear holes into words.
SHORTEST = 6

#: Names whose values are secret: they end so. `password_file` names a file, `token_limit` counts.
_NAME = (
    r"[A-Za-z0-9_.-]*?(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|secret[_-]?key|"
    r"private[_-]?key|auth[_-]?key|sig[_-]?key|sig[_-]?salt|credentials?)(?:_?\d+)?"
)
_QUOTE = r"\\*[\"']"
#: What a value may be: quoted in a text that is quoted itself, and closed by a quote that is escaped as often; quoted, and
#: perhaps cut off by the end of its line; or up to a blank.
_VALUE = (
    r"(?:(?P<escape>\\+)[\"'](?:(?!(?<!\\)(?P=escape)[\"']).)*(?:(?<!\\)(?P=escape)[\"'])?"
    r"|\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?|[^\s\"',;&<>{}\[\]\\]+)"
)
#: An empty value stays: it says something.
_NO_VALUE = rf"(?:{_QUOTE}{_QUOTE}|null\b|true\b|false\b)"
#: Tokens that their makers made to be known: GitHub, GitLab, Hugging Face, OpenAI, Slack, Docker, npm, PyPI, Amazon; JWTs.
_TOKENS = (
    r"gh[pousr]_[A-Za-z0-9]{20,}",
    r"github_pat_\w{20,}",
    r"glpat-[\w-]{16,}",
    r"hf_[A-Za-z0-9]{20,}",
    r"sk-[\w-]{20,}",
    r"xox[abprs]-[\w-]{10,}",
    r"dckr_pat_[\w-]{16,}",
    r"npm_[A-Za-z0-9]{30,}",
    r"pypi-[\w-]{40,}",
    r"(?:AKIA|ASIA)[0-9A-Z]{16}",
    r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+",
)
#: What a secret looks like. The groups are what stays.
_LOOKS = (
    r"-----BEGIN (?P<kind>[A-Z ]*PRIVATE KEY)-----(?s:.*?)(?:-----END (?P=kind)-----|\Z)",
    r"\$ANSIBLE_VAULT;[^\s\\]+(?:(?:\s|\\n)+[0-9a-f]{16,})*",
    # `https://user:password@host`, `https://token@host`
    r"(://)[^/\s:@'\"<>]*:[^/\s@'\"<>]+(@)",
    r"(https?://)[^/\s:@'\"<>]{12,}(@)",
    # `Authorization: Bearer …`
    r"((?i:authorization)\\*[\"']?\s*[:=]\s*\\*[\"']?(?i:bearer|basic|token|digest)\s+)[^\s\"'\\,]+",
    r"\b((?i:bearer|basic)\s+)[A-Za-z0-9+/_=.-]{20,}",
    # `NAME=value`, `name: value`, `"name": "value"`, `--name value`
    rf"((?<![A-Za-z0-9])(?i:{_NAME})(?:{_QUOTE})?\s*(?:=|:(?!//))[ \t]*)(?!{_NO_VALUE}){_VALUE}",
    rf"((?<!\S)--?(?i:{_NAME})[ \t]+)(?!-)[^\s\"']+",
    r"(\bsshpass\s+-p\s*)\S+",
    r"(\bcurl\b[^\n]*?\s(?:-u|--user)\s*[^\s:]+:)\S+",
    rf"\b(?:{'|'.join(_TOKENS)})",
    # Hashes of passwords: crypt(3), and Jupyter's.
    r"\$(?:1|2[abxy]|5|6|y|gy|argon2(?:id?|d)|pbkdf2[\w-]*)\$[^\s:'\",\\]+",
    r"\bargon2:\$?[^\s'\",\\]+",
)
_PATTERNS = tuple(re.compile(look) for look in _LOOKS)


class Redactor:
    """Cleans texts.

    :param values: the secrets, where they may be known.
    :param prints: fingerprints of them, and :param key: the key that these were made with, where they may not.
    """

    def __init__(self, values: Iterable[str] = (), prints: Sequence[dict[str, Any]] = (), key: str = "") -> None:
        known = sorted({form for value in values for form in forms(value)}, key=lambda form: (-len(form), form))
        self._known = re.compile("|".join(map(re.escape, known))) if known else None
        self._key = key.encode()
        self._prints: dict[tuple[int, bool], set[str]] = {}
        for one in prints:
            self._prints.setdefault((one["length"], one["blanks"]), set()).add(one["digest"])

    def text(self, text: str) -> str:
        """The text with :data:`REMOVED` in place of each secret."""
        cleaned = self._known.sub(REMOVED, text) if self._known else text
        cleaned = self._without_printed(cleaned)
        for pattern in _PATTERNS:
            cleaned = pattern.sub(_kept, cleaned)
        return cleaned

    def document(self, document: Any, name: str = "") -> Any:
        """A JSON document, cleaned value by value; keys too. A text under a secret's name is one."""
        if isinstance(document, dict):
            return {self.text(str(key)): self.document(value, str(key)) for key, value in document.items()}
        if isinstance(document, list):
            return [self.document(value, name) for value in document]
        if document and not isinstance(document, bool) and re.fullmatch(_NAME, name, re.IGNORECASE):
            return REMOVED
        return self.text(document) if isinstance(document, str) else document

    def _without_printed(self, text: str) -> str:
        spans = []
        for (length, blanks), digests in self._prints.items():
            for run in re.finditer(rf"[^\n]{{{length},}}" if blanks else rf"\S{{{length},}}", text):
                for start in range(run.start(), run.end() - length + 1):
                    if digest(text[start : start + length], self._key) in digests:
                        spans.append((start, start + length))
        for start, end in _merged(spans):
            text = text[:start] + REMOVED + text[end:]
        return text


def _kept(found: re.Match[str]) -> str:
    """What stays of a match: its unnamed groups around the mark."""
    named = set(found.re.groupindex.values())
    before, *after = [text or "" for number, text in enumerate(found.groups(), 1) if number not in named] or [""]
    return f"{before}{REMOVED}{''.join(after)}"


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans without overlaps, the last first."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged[::-1]


def forms(value: str) -> set[str]:
    """All the ways in which a value is written: plain, in JSON, in URLs, in base64 wherever it begins, line by line."""
    found: set[str] = set()
    for part in {value.strip(), *(line.strip() for line in value.splitlines())}:
        if len(part) < SHORTEST:
            continue
        written = {part, quote(part, safe=""), quote(part), quote_plus(part), json.dumps(part)[1:-1]}
        written |= {json.dumps(part, ensure_ascii=False)[1:-1], json.dumps(json.dumps(part)[1:-1])[1:-1]}
        found |= written | _in_base64(part.encode())
    return {form for form in found if len(form) >= SHORTEST}


def _in_base64(data: bytes) -> set[str]:
    """The part of the encoding that depends on these bytes alone, for each of the three places where they may begin."""
    found = set()
    for before in range(3):
        text = base64.b64encode(b"\0" * before + data).decode()
        begin, cut = (0, 2, 3)[before], (0, 3, 2)[(before + len(data)) % 3]
        part = text[begin : len(text) - cut]
        found |= {part, part.replace("+", "-").replace("/", "_")}
    return found


def fingerprints(values: Iterable[str], key: str) -> list[dict[str, Any]]:
    """`[{length, blanks, digest}]` of every form of every value; `blanks`: it holds some."""
    written = sorted({form for value in values for form in forms(value)})
    return [
        {"length": len(form), "blanks": re.search(r"\s", form) is not None, "digest": digest(form, key.encode())}
        for form in written
    ]


def digest(text: str, key: bytes) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, key=key[:64]).hexdigest()
