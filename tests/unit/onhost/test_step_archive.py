"""Archives of programs: fetched, resumed, compared with their pins, and unpacked as a whole or not at all."""

from __future__ import annotations

import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from onhost import paths, step_archive
from onhost.finding import FindingError
from onhost.report import Report

FOLDER = "/opt/gpuhost/app/1.0"


def packed(**members: str) -> bytes:
    """A tar archive; ``bin__app`` is the file ``bin/app``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in members.items():
            entry = tarfile.TarInfo(name.replace("__", "/"))
            entry.size, entry.mode = len(text), 0o755
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


class Server:
    """Serves files; ``breaks_after`` bytes it lets the connection go; ``resumes``: whether it knows ranges."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.breaks_after: int | None = None
        self.resumes = True
        self.ranges: list[str | None] = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # http.server's name
                data = server.files.get(self.path)
                asked = self.headers.get("Range")
                server.ranges.append(asked)
                if data is None:
                    self.send_error(404)
                    return
                start = int(asked.split("=")[1].rstrip("-")) if asked and server.resumes else 0
                if start >= len(data):
                    self.send_error(416)
                    return
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(data) - start))
                self.end_headers()
                end = len(data) if server.breaks_after is None else server.breaks_after
                self.wfile.write(data[start:end])

            def log_message(self, *arguments: Any) -> None:
                """Quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


@pytest.fixture
def report(root: Path) -> Report:
    return Report(paths.step("archive"), "archive")


def spec(server: Server, *names: str) -> dict[str, Any]:
    archives = [
        {"url": f"{server.url}/{name}", "sha256": hashlib.sha256(server.files[f"/{name}"]).hexdigest()} for name in names
    ]
    return {"folder": FOLDER, "archives": archives}


def test_archives_come_one_over_the_other_and_nothing_else_stays(root: Path, server: Server, report: Report) -> None:
    server.files = {"/base.tar.gz": packed(bin__app="base", lib__a="a"), "/gpu.tar.gz": packed(lib__rocm__b="b")}
    wanted = spec(server, "base.tar.gz", "gpu.tar.gz")
    assert step_archive.needed(wanted)
    step_archive.run(wanted, report)
    folder = root / FOLDER.lstrip("/")
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == {
        "bin/app", "lib/a", "lib/rocm/b", step_archive.NOTE
    }  # fmt: skip
    assert (folder / "bin/app").stat().st_mode & 0o111
    assert not step_archive.needed(wanted)
    assert step_archive.needed(spec(server, "base.tar.gz"))
    assert not paths.downloads().exists()
    assert [path.name for path in folder.parent.iterdir()] == ["1.0"]


def test_a_download_that_broke_off_goes_on_where_it_was(root: Path, server: Server, report: Report) -> None:
    server.files = {"/app.tar.gz": packed(bin__app="x" * 5000)}
    wanted = spec(server, "app.tar.gz")
    server.breaks_after = 60
    with pytest.raises(FindingError) as caught:
        step_archive.run(wanted, report)
    assert (caught.value.id, "60 of" in caught.value.seen) == ("GH-DOWNLOAD-FAILED", True)
    assert step_archive.needed(wanted)
    server.breaks_after = None
    step_archive.run(wanted, report)
    assert server.ranges == [None, "bytes=60-"]
    assert not step_archive.needed(wanted)


def test_a_server_that_does_not_resume_begins_anew(root: Path, server: Server, report: Report) -> None:
    server.files, server.resumes = {"/app.tar.gz": packed(bin__app="x" * 5000)}, False
    server.breaks_after = 60
    with pytest.raises(FindingError):
        step_archive.run(spec(server, "app.tar.gz"), report)
    server.breaks_after = None
    step_archive.run(spec(server, "app.tar.gz"), report)
    assert (root / FOLDER.lstrip("/") / "bin/app").read_text() == "x" * 5000


def test_what_is_not_as_pinned_is_refused_and_the_one_before_stays(root: Path, server: Server, report: Report) -> None:
    server.files = {"/app.tar.gz": packed(bin__app="good")}
    step_archive.run(spec(server, "app.tar.gz"), report)
    wanted = spec(server, "app.tar.gz")
    wanted["archives"][0]["sha256"] = "0" * 64
    server.files = {"/app.tar.gz": packed(bin__app="changed on the way")}
    with pytest.raises(FindingError) as caught:
        step_archive.run(wanted, report)
    assert (caught.value.id, "0" * 64 in caught.value.seen) == ("GH-DIGEST", True)
    assert (root / FOLDER.lstrip("/") / "bin/app").read_text() == "good"
    assert list(paths.downloads().iterdir()) == [], "a file that is not what it should be would be taken for a part of it"


def test_what_the_maker_does_not_have_is_told_with_the_address(root: Path, server: Server, report: Report) -> None:
    wanted = {"folder": FOLDER, "archives": [{"url": f"{server.url}/gone.tar.zst", "sha256": "0" * 64}]}
    with pytest.raises(FindingError) as caught:
        step_archive.run(wanted, report)
    assert (caught.value.id, caught.value.seen) == ("GH-DOWNLOAD-FAILED", f"{server.url}/gone.tar.zst: HTTP 404 Not Found")


def test_what_is_no_archive_is_told_by_tars_last_words(root: Path, server: Server, report: Report) -> None:
    server.files = {"/app.tar.gz": b"no archive at all"}
    with pytest.raises(FindingError) as caught:
        step_archive.run(spec(server, "app.tar.gz"), report)
    assert caught.value.id == "GH-UNPACK-FAILED"
    assert not (root / FOLDER.lstrip("/")).exists()


def test_a_full_disk_is_told_as_that(server: Server, report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    server.files = {"/app.tar.gz": packed(bin__app="x")}
    monkeypatch.setattr(step_archive, "_download", full)
    with pytest.raises(FindingError) as caught:
        step_archive.run(spec(server, "app.tar.gz"), report)
    assert caught.value.id == "GH-DISK-FULL"


def test_nothing_of_an_archive_lands_outside_of_its_folder(root: Path, server: Server, report: Report) -> None:
    server.files = {"/app.tar.gz": packed(**{"..__..__escaped": "x"})}
    with pytest.raises(FindingError):
        step_archive.run(spec(server, "app.tar.gz"), report)
    assert list(root.rglob("escaped")) == []
