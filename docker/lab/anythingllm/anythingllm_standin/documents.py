"""The developers' API for documents: its keys, uploads, and the list of what was uploaded (server/endpoints/api/document).

Text only: the real one reads PDF and many more through its collector.
"""

from __future__ import annotations

import json
import secrets
import uuid
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any

from .database import Database

Reply = tuple[int, object]
FOLDER = "custom-documents"
REFUSED: Reply = (403, {"error": "No valid api key found."})


def generate_key(database: Database, body: dict[str, Any]) -> Reply:
    """A key for programs; who has logged in makes one under Settings, by this endpoint."""
    secret = "-".join(secrets.token_hex(4).upper()[:7] for _ in range(4))
    number = database.add_key(secret)
    return 200, {"apiKey": {"id": number, "name": body.get("name"), "secret": secret, "createdBy": None}, "error": None}


def refused(database: Database, authorization: str) -> bool:
    """Whether the header shows no key that was made here."""
    return not database.has_key(authorization.partition(" ")[2])


def upload(storage: Path, kind: str, body: bytes) -> Reply:
    """The file of a form's field ``file`` becomes a document in the storage.

    :param kind: the request's Content-Type, with the boundary of the form's parts.
    """
    name, data = _file(kind, body)
    if not name:
        return 500, "Internal Server Error"
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return 500, {"success": False, "error": f"{name} is no text: the stand-in reads nothing else", "documents": []}
    stored = f"{name}-{uuid.uuid4()}.json"
    document = {
        "id": str(uuid.uuid4()),
        "url": f"file:///app/collector/hotdir/{name}",
        "title": name,
        "docAuthor": "Unknown",
        "description": "Unknown",
        "docSource": "a text file uploaded by the user.",
        "chunkSource": name,
        "published": datetime.now(UTC).isoformat(),
        "wordCount": len(text.split()),
        "pageContent": text,
    }
    folder = storage / "documents" / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / stored).write_text(json.dumps(document), encoding="utf-8")
    return 200, {
        "success": True,
        "error": None,
        "documents": [{"location": f"{FOLDER}/{stored}", "name": stored, **document}],
    }


def listed(storage: Path) -> Reply:
    """Every document, in the tree in which the real one shows them."""
    files = sorted((storage / "documents" / FOLDER).glob("*.json"))
    items = [{"name": path.name, "type": "file", "title": json.loads(path.read_text())["title"]} for path in files]
    folders = [{"name": FOLDER, "type": "folder", "items": items}]
    return 200, {"localFiles": {"name": "documents", "type": "folder", "items": folders}}


def _file(kind: str, body: bytes) -> tuple[str, bytes]:
    """The uploaded file's name without a folder, and what is in it; an empty name where the form has none."""
    form = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    for part in form.iter_parts():
        if part.get_param("name", header="content-disposition") == "file":
            return Path(part.get_filename() or "").name, part.get_payload(decode=True) or b""
    return "", b""
