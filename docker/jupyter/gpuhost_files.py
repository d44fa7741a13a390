"""JupyterLab's files, with a limit on how large an upload may be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from tornado.web import HTTPError

MB = 1_000_000


def limit() -> int:
    """Bytes that a file may have that is uploaded."""
    return int(os.environ.get("JUPYTER_UPLOAD_MAX_MB") or 512) * MB


class LimitedFiles(AsyncLargeFileManager):
    """Files as they are, but none may be uploaded that is larger than the site allows. Large ones come in pieces."""

    async def save(self, model: dict[str, Any], path: str = "") -> dict[str, Any]:
        """As its parent; 413 where the file would become too large, and then no piece of it stays."""
        content = model.get("content")
        if model.get("type") == "file" and isinstance(content, str):
            file = Path(self._get_os_path(path.strip("/")))
            later = model.get("chunk") not in (None, 1)
            before = file.stat().st_size if later and file.exists() else 0
            size = len(content) * 3 // 4 if model.get("format") == "base64" else len(content.encode())
            if before + size > limit():
                if before:
                    file.unlink()
                raise HTTPError(413, f"uploads may have {limit() // MB} MB here")
        saved: dict[str, Any] = await super().save(model, path)
        return saved
