"""The site's model cache: who gets what from it, what a copy is checked against, and what happens when it is of no use."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import stat
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from onhost import (
    files,
    lease,
    model_cache,
    model_copy,
    model_records,
    model_server,
    paths,
    peer_keys,
    process,
    step_model,
    units,
)
from onhost.finding import FindingError
from onhost.report import Report
from tests.unit.models.parts import digest, keep, model
from tests.unit.onhost import fake_ollama
from verify import model_store

WEIGHTS = b"weights!" * 400_000
NAME = "m:1b"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_copy, "PAUSES", (0,))


@dataclass
class Cache:
    """A cache that serves ``NAME`` out of ``store`` to the holder of the key in ``keys``."""

    server: model_server.Server
    store: Path
    keys: Path
    manifest: bytes
    certificate: str

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server.server_port}"

    @property
    def order(self) -> dict[str, Any]:
        return {"url": self.url, "certificate": self.certificate, "key_folder": str(self.keys), "host": "gpu01"}

    def allow(self, *certificates: str) -> None:
        (self.server.folder / "clients.pem").write_text("".join(certificates))


@pytest.fixture
def cache(tmp_path: Path, root: Path) -> Iterator[Cache]:
    manifest, blobs = model(WEIGHTS)
    keep(tmp_path / "store", NAME, manifest, blobs)
    keep(tmp_path / "store", "mine", *model(b"of somebody"))
    folder = tmp_path / "cache"
    certificate = peer_keys.ensure(folder, "cache", os.getuid(), os.getgid())
    (folder / "clients.pem").write_text(peer_keys.ensure(tmp_path / "keys", "gpu02", os.getuid(), os.getgid()))
    order = {"address": "127.0.0.1", "port": 0, "models_folder": str(tmp_path / "store"), "models": [NAME]}
    (folder / "order.json").write_text(json.dumps(order))
    server = model_server.Server(folder)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield Cache(server, tmp_path / "store", tmp_path / "keys", manifest, certificate)
    server.shutdown()
    server.server_close()


def ask(cache: Cache, path: str, keys: Path | None, **headers: str) -> tuple[int, bytes]:
    context = ssl.create_default_context(cadata=cache.certificate)
    context.check_hostname = False
    if keys:
        context.load_cert_chain(keys / "certificate.pem", keys / "key.pem")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(urllib.request.Request(cache.url + path, headers=headers), timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, b""


def test_a_host_that_is_known_gets_what_it_was_offered(cache: Cache) -> None:
    assert ask(cache, f"/manifest/{NAME}", cache.keys) == (200, cache.manifest)
    assert ask(cache, f"/blob/{digest(WEIGHTS)}", cache.keys) == (200, WEIGHTS)
    assert ask(cache, f"/blob/{digest(WEIGHTS)}", cache.keys, Range="bytes=3200000-") == (416, b"")
    assert ask(cache, f"/blob/{digest(WEIGHTS)}", cache.keys, Range=f"bytes={len(WEIGHTS) - 8}-") == (206, b"weights!")


@pytest.mark.parametrize(
    "path",
    ["/", "/manifest/mine:latest", f"/blob/{digest(b'of somebody')}", "/manifest/../order.json", "/blob/../../etc/passwd",
     "/blob/sha256:..%2f..%2fetc%2fpasswd", "/cache/key.pem", "/manifest/m"],
)  # fmt: skip
def test_nothing_else_is_handed_out(cache: Cache, path: str) -> None:
    assert ask(cache, path, cache.keys)[0] == 404


def test_whoever_is_not_known_gets_no_answer(cache: Cache, tmp_path: Path) -> None:
    peer_keys.ensure(tmp_path / "stranger", "gpu02", os.getuid(), os.getgid())
    for keys in (None, tmp_path / "stranger"):
        with pytest.raises((urllib.error.URLError, ssl.SSLError, OSError)):
            ask(cache, f"/manifest/{NAME}", keys)
    assert ask(cache, f"/manifest/{NAME}", cache.keys)[0] == 200, "the others are still served"


def test_a_host_that_was_let_go_is_not_known_any_more(cache: Cache, tmp_path: Path) -> None:
    cache.allow(peer_keys.ensure(tmp_path / "other", "gpu03", os.getuid(), os.getgid()))
    with pytest.raises((urllib.error.URLError, ssl.SSLError, OSError)):
        ask(cache, f"/manifest/{NAME}", cache.keys)
    assert ask(cache, f"/manifest/{NAME}", tmp_path / "other")[0] == 200


def test_it_ends_when_nobody_asks_any_more(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_server, "IDLE_SECONDS", 0.2)
    started = time.monotonic()
    assert model_server.main(str(cache.server.folder)) == 0
    assert 0.2 <= time.monotonic() - started < 10
    with cache.server.busy:
        time.sleep(0.05)
        assert cache.server.busy.idle_seconds() == 0


def copied(cache: Cache, folder: Path, **changed: Any) -> list[dict[str, Any]]:
    folder.mkdir(exist_ok=True)
    return list(model_copy.copy({**cache.order, **changed}, NAME, folder))


def test_a_copy_is_the_same_model_byte_by_byte(cache: Cache, tmp_path: Path) -> None:
    news = copied(cache, tmp_path / "models")
    store = model_store.Store(tmp_path / "models")
    assert store.names() == [NAME]
    assert store.manifest(NAME) == cache.manifest
    assert store.blob(digest(WEIGHTS)).read_bytes() == WEIGHTS
    assert news[-1] == {"digest": digest(cache.manifest)[7:]}
    assert news[-2]["done"] == news[-2]["total"] == sum(one["size"] for one in model_store.layers(cache.manifest))
    assert [path.name for path in (tmp_path / "models").rglob("*") if "gpuhost" in path.name] == []


def test_what_is_here_already_is_not_copied_again(cache: Cache, tmp_path: Path) -> None:
    blobs = tmp_path / "models" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"sha256-{digest(WEIGHTS)[7:]}-gpuhost").write_bytes(WEIGHTS[:1_000_000])
    news = copied(cache, tmp_path / "models")
    assert next(one["done"] for one in news if one.get("done", 0) > 100_000) > 1_000_000
    assert (blobs / f"sha256-{digest(WEIGHTS)[7:]}").read_bytes() == WEIGHTS


@pytest.mark.parametrize("where", ["in the cache", "before the cut"])
def test_what_is_not_what_its_digest_says_is_refused_and_gone(cache: Cache, tmp_path: Path, where: str) -> None:
    blobs = tmp_path / "models" / "blobs"
    blobs.mkdir(parents=True)
    name = f"sha256-{digest(WEIGHTS)[7:]}"
    if where == "in the cache":
        (cache.store / "blobs" / name).write_bytes(b"x" * len(WEIGHTS))
    else:
        (blobs / f"{name}-gpuhost").write_bytes(b"x" * 1000)
    with pytest.raises(FindingError, match="handed out something else") as caught:
        copied(cache, tmp_path / "models")
    assert caught.value.id == "GH-MODEL-DIGEST"
    assert not [path for path in blobs.iterdir() if path.name.startswith(name)]
    assert model_store.Store(tmp_path / "models").names() == []


def test_a_cache_that_breaks_off_leaves_what_came(cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = model_server.Handler._blob

    def cut(handler: model_server.Handler, path: Path) -> None:
        handler._head(200, path.stat().st_size)
        handler.wfile.write(path.read_bytes()[:2000])
        handler.close_connection = True

    monkeypatch.setattr(model_server.Handler, "_blob", cut)
    with pytest.raises(model_copy.CutError, match=r"127\.0\.0\.1"):
        copied(cache, tmp_path / "models")
    (left,) = (tmp_path / "models" / "blobs").glob("*-gpuhost")
    assert left.stat().st_size >= 100
    monkeypatch.setattr(model_server.Handler, "_blob", real)
    left.unlink()
    assert copied(cache, tmp_path / "models")[-1]["digest"]


def test_a_cache_that_shows_another_certificate_is_not_believed(cache: Cache, tmp_path: Path) -> None:
    other = peer_keys.ensure(tmp_path / "other", "cache", os.getuid(), os.getgid())
    with pytest.raises(model_copy.CutError, match="certificate"):
        copied(cache, tmp_path / "models", certificate=other)


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [({}, 0, '"digest"'), ({"url": "https://127.0.0.1:1"}, model_copy.EXIT_CUT, "refused")],
)
def test_the_program_tells_its_news_line_by_line(
    cache: Cache, tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, str], code: int, said: str
) -> None:
    (tmp_path / "models").mkdir()
    order = {"cache": {**cache.order, **changed}, "model": NAME, "folder": str(tmp_path / "models")}
    assert model_copy.main(json.dumps(order)) == code
    last = capsys.readouterr().out.splitlines()[-1]
    assert said in last
    json.loads(last)


def test_a_full_disk_is_one(cache: Cache, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    def full(file: Any, data: bytes, path: Path) -> None:
        raise FindingError("GH-DISK-FULL", f"{path}: no space left on device")

    monkeypatch.setattr(model_copy, "_write", full)
    (tmp_path / "models").mkdir()
    order = {"cache": cache.order, "model": NAME, "folder": str(tmp_path / "models")}
    assert model_copy.main(json.dumps(order)) == model_copy.EXIT_REFUSED
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["id"] == "GH-DISK-FULL"


@pytest.fixture
def ollama(root: Path) -> Iterator[fake_ollama.FakeOllama]:
    with fake_ollama.running() as server:
        yield server


def step(cache: Cache, ollama: fake_ollama.FakeOllama, folder: Path, **changed: Any) -> dict[str, Any]:
    paths.under(str(folder)).mkdir(parents=True, exist_ok=True)
    spec = {"url": ollama.url, "model": NAME, "folder": str(folder), "cache": {**cache.order, **changed}}
    return step_model.run(spec, Report(paths.step("model"), "model"))


def test_a_step_copies_from_the_cache_and_asks_no_registry(cache: Cache, ollama: fake_ollama.FakeOllama) -> None:
    ollama.models[NAME] = digest(cache.manifest)[7:]  # as Ollama lists it once its manifest is there
    assert step(cache, ollama, Path("/models"))["digest"] == digest(cache.manifest)[7:]
    assert ollama.asked_for("/api/pull") == []
    assert model_records.read()[NAME]["how"] == "copy"


@pytest.mark.parametrize("why", ["it does not answer", "Ollama does not list it"])
def test_where_the_cache_is_of_no_use_the_registry_is_asked_and_that_is_told(
    cache: Cache, ollama: fake_ollama.FakeOllama, why: str
) -> None:
    changed = {"url": "https://127.0.0.1:1"} if why == "it does not answer" else {}
    ollama.pulls = [[ollama.has(NAME, "pulled"), {"status": "success"}]]
    result = step(cache, ollama, Path("/models"), **changed)
    assert result["digest"] == "pulled"
    (warning,) = result["warnings"]
    assert warning["id"] == "GH-MODEL-CACHE"
    assert warning["seen"].startswith(f"{NAME} from gpu01: ")
    assert model_records.read()[NAME]["how"] == "pull"


@pytest.mark.parametrize("cached", [True, False], ids=["the cache goes away", "the site has none any more"])
def test_what_was_copied_in_part_is_gone_before_the_registry_is_asked(
    cache: Cache, ollama: fake_ollama.FakeOllama, monkeypatch: pytest.MonkeyPatch, cached: bool
) -> None:
    blobs, real = paths.under("/models") / "blobs", step_model._as_owner

    def cut(module: str, order: dict[str, Any], hear: process.Hear) -> int:
        if "cache" not in order:
            return real(module, order, hear)
        hear(json.dumps({"begun": [digest(WEIGHTS)]}))
        blobs.mkdir(exist_ok=True)
        (blobs / f"sha256-{digest(WEIGHTS)[7:]}-gpuhost").write_bytes(WEIGHTS[:2000])
        if not cached:
            raise FindingError("GH-STEP-FAILED", "killed")
        return model_copy.EXIT_CUT

    monkeypatch.setattr(step_model, "_as_owner", cut)
    if not cached:
        with pytest.raises(FindingError, match="killed"):
            step(cache, ollama, Path("/models"))
        assert list(blobs.glob("*-gpuhost"))
    seen: list[Path] = []

    def arrive() -> None:
        seen.extend(blobs.glob("*-gpuhost"))
        keep(paths.under("/models"), NAME, cache.manifest, {digest(WEIGHTS): WEIGHTS})

    ollama.pulls = [[arrive, ollama.has(NAME, "pulled"), {"status": "success"}]]
    spec = {"url": ollama.url, "model": NAME, "folder": "/models", "cache": cache.order if cached else None}
    paths.under("/models").mkdir(exist_ok=True)
    assert step_model.run(spec, Report(paths.step("model"), "model"))["digest"] == "pulled"
    assert seen == []


def test_only_what_came_of_the_model_itself_is_dropped(tmp_path: Path) -> None:
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    mine, other = (blobs / f"sha256-{digit * 64}-gpuhost" for digit in "ab")
    (tmp_path / "elsewhere").write_text("theirs")
    mine.symlink_to(tmp_path / "elsewhere")
    other.write_text("on its way")
    assert model_copy.main(json.dumps({"folder": str(tmp_path), "drop": [f"sha256:{'a' * 64}"]})) == 0
    assert [path.name for path in blobs.iterdir()] == [other.name]
    assert (tmp_path / "elsewhere").exists()


def test_a_cache_that_lies_is_the_end_and_no_registry_is_asked(cache: Cache, ollama: fake_ollama.FakeOllama) -> None:
    (cache.store / "blobs" / f"sha256-{digest(WEIGHTS)[7:]}").write_bytes(b"x" * len(WEIGHTS))
    with pytest.raises(FindingError) as caught:
        step(cache, ollama, Path("/models"))
    assert caught.value.id == "GH-MODEL-DIGEST"
    assert ollama.asked_for("/api/pull") == []


def test_a_copy_and_the_cache_run_as_the_owner_of_the_folder_and_with_no_more_rights() -> None:
    there = os.stat_result((0o755, 0, 0, 0, 11434, 11435, 0, 0, 0, 0))
    printed = subprocess.run(
        [*process.owned_by(there), "cat", "/proc/self/status"], capture_output=True, text=True, check=True
    ).stdout
    status = dict(line.split(":\t", 1) for line in printed.splitlines() if ":\t" in line)
    assert status["Uid"].split() == ["11434"] * 4
    assert status["Gid"].split() == ["11435"] * 4
    assert status["Groups"].split() == []
    assert {int(status[f"Cap{which}"], 16) for which in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {0}
    assert status["NoNewPrivs"] == "1"


def test_who_owns_the_folder_already_needs_nobody_else() -> None:
    assert process.owned_by(os.stat_result((0o755, 0, 0, 0, os.geteuid(), 0, 0, 0, 0, 0))) == []


def test_a_key_is_made_once_stays_private_and_is_renewed(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = peer_keys.ensure(folder, "gpu02", os.getuid(), os.getgid())
    assert peer_keys.ensure(folder, "gpu02", os.getuid(), os.getgid()) == first
    assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o710
    old = time.time() - 25 * 3600
    os.utime(folder / "certificate.pem", (old, old))
    assert peer_keys.ensure(folder, "gpu02", os.getuid(), os.getgid()) != first


OLLAMA = 11434


@pytest.fixture
def passable() -> Iterator[Path]:
    """A folder that every user of this machine gets through."""
    with tempfile.TemporaryDirectory() as top:
        Path(top).chmod(0o755)
        yield Path(top)


def as_ollama(*argv: str) -> subprocess.CompletedProcess[str]:
    there = os.stat_result((0o755, 0, 0, 0, OLLAMA, OLLAMA, 0, 0, 0, 0))
    return subprocess.run([*process.owned_by(there), *argv], capture_output=True, text=True, check=False)


def test_who_uses_a_key_reads_it_and_puts_nothing_in_its_place(passable: Path) -> None:
    folder = passable / "keys"
    certificate = peer_keys.ensure(folder, "gpu02", OLLAMA, OLLAMA)
    assert as_ollama("cat", str(folder / "certificate.pem")).stdout == certificate
    assert "PRIVATE KEY" in as_ollama("cat", str(folder / "key.pem")).stdout
    for act in (["touch", str(folder / "new")], ["rm", "-f", str(folder / "key.pem")], ["rm", "-rf", str(folder)]):
        assert as_ollama(*act).returncode, act
    assert as_ollama("sh", "-c", f"echo >> {folder}/certificate.pem").returncode
    assert peer_keys.ensure(folder, "gpu02", OLLAMA, OLLAMA) == certificate


@pytest.mark.parametrize("name", ["certificate.pem", "key.pem", ".certificate.pem", ".key.pem"])
def test_what_somebody_made_a_link_of_in_a_folder_of_keys_leads_nowhere(passable: Path, name: str) -> None:
    theirs, folder = passable / "shadow", passable / "keys"
    theirs.write_text("nobody else's")
    folder.mkdir(mode=0o700)
    (folder / name).symlink_to(theirs)
    for path in (folder, folder / name):
        os.chown(path, OLLAMA, OLLAMA, follow_symlinks=False)
    assert peer_keys.ensure(folder, "gpu02", OLLAMA, OLLAMA).startswith("-----BEGIN CERTIFICATE-----")
    assert (theirs.read_text(), theirs.stat().st_uid) == ("nobody else's", os.getuid())
    assert not (folder / name).is_symlink()


def test_a_key_that_was_somebody_else_s_is_made_anew(passable: Path) -> None:
    before = peer_keys.ensure(passable / "keys", "gpu02", OLLAMA, OLLAMA)
    assert peer_keys.ensure(passable / "keys", "gpu02", OLLAMA + 1, OLLAMA + 1) != before
    assert as_ollama("cat", str(passable / "keys" / "key.pem")).returncode


RUN = {"controller": "desk", "machine_id": "m1", "pid": 7, "start_time": "99", "run": "r1", "user": "ada"}


class Unit:
    """The unit of the cache, without systemd."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.starts: list[tuple[str, int]] = []
        self.on = False
        monkeypatch.setattr(model_cache, "_start", self.start)
        monkeypatch.setattr(model_cache, "_stop", self.stop)
        monkeypatch.setattr(model_cache, "_running", lambda: self.on)
        monkeypatch.setattr(model_cache, "_may_listen", lambda family, address: not address.startswith("127.0.0.2"))

    def start(self, owner: os.stat_result, address: str, port: int) -> None:
        self.starts.append((address, port))
        self.on = True

    def stop(self) -> None:
        self.on = False


@pytest.fixture
def unit(root: Path, monkeypatch: pytest.MonkeyPatch) -> Unit:
    paths.under("/models").mkdir(parents=True)
    model_records.note_server("http://127.0.0.1:1", "/models")
    return Unit(monkeypatch)


def offered(host: str, *models: str, addresses: list[str] | None = None, routed: bool = False) -> dict[str, str]:
    return model_cache.offer(list(models), host, f"certificate of {host}\n", addresses or ["127.0.0.1"], 11440, routed)


def order() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((model_cache.folder() / "order.json").read_text())
    return document


def test_a_cache_opens_for_one_host_after_the_other_and_closes_after_the_last(unit: Unit) -> None:
    first = offered("gpu02", "a:1")
    assert first["url"] == "https://127.0.0.1:11440"
    assert first["certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert offered("gpu03", "b:1") == first
    assert unit.starts == [("127.0.0.1", 11440)]
    assert order()["models"] == ["a:1", "b:1"]
    assert (model_cache.folder() / "clients.pem").read_text() == "certificate of gpu02\ncertificate of gpu03\n"
    assert model_cache.close("gpu02")
    assert unit.on
    assert (model_cache.folder() / "clients.pem").read_text() == "certificate of gpu03\n"
    assert model_cache.close("gpu03")
    assert not unit.on
    assert not model_cache.folder().exists()
    assert not model_cache.close("gpu03")


def test_a_cache_that_closes_for_one_host_keeps_the_key_for_the_next(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    offered("gpu02", "a:1")
    closing = threading.Thread(target=model_cache.close, args=["gpu02"])
    ensure = peer_keys.ensure

    def slow(*given: Any) -> str:
        certificate = ensure(*given)
        closing.start()
        closing.join(0.3)
        return certificate

    monkeypatch.setattr(peer_keys, "ensure", slow)
    certificate = offered("gpu03", "a:1")["certificate"]
    closing.join()
    assert unit.on
    assert (model_cache.folder() / "certificate.pem").read_text() == certificate
    assert (model_cache.folder() / "key.pem").exists()
    assert (model_cache.folder() / "clients.pem").read_text() == "certificate of gpu03\n"


def test_two_that_close_a_cache_at_once_leave_nothing(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    offered("gpu02", "a:1")
    both = [threading.Thread(target=model_cache.close, args=["gpu02"]) for _ in range(2)]
    with files.locked(paths.runtime() / "model-cache.lock"):
        for one in both:
            one.start()
        time.sleep(0.2)
    for one in both:
        one.join()
    assert not model_cache.folder().exists()


def test_who_runs_the_cache_reads_what_it_is_told_and_changes_nothing_of_it(unit: Unit) -> None:
    os.chown(paths.under("/models"), OLLAMA, OLLAMA)
    offered("gpu02", "a:1")
    told = {path.name: path.stat() for path in model_cache.folder().iterdir()}
    assert set(told) == {"key.pem", "certificate.pem", "clients.pem", "clients.json", "order.json"}
    assert {name for name, found in told.items() if found.st_uid == OLLAMA} == {"key.pem"}
    assert {name for name, found in told.items() if stat.S_IMODE(found.st_mode) == 0o644} == set(told) - {"key.pem"}
    assert (model_cache.folder().stat().st_uid, model_cache.folder().stat().st_gid) == (os.getuid(), OLLAMA)


def test_a_cache_that_ended_offers_only_what_is_asked_for_now(unit: Unit) -> None:
    offered("gpu02", "a:1")
    unit.on = False
    offered("gpu03", "b:1")
    assert order()["models"] == ["b:1"]
    assert len(unit.starts) == 2


def test_another_address_is_taken_by_starting_anew(unit: Unit) -> None:
    offered("gpu02", "a:1")
    offered("gpu02", "a:1", addresses=["127.0.0.3"])
    assert unit.starts == [("127.0.0.1", 11440), ("127.0.0.3", 11440)]


def test_an_address_that_is_not_its_own_is_passed_over(unit: Unit) -> None:
    assert offered("gpu02", "a:1", addresses=["127.0.0.2", "no-such-name.invalid", "127.0.0.4"])["url"].startswith(
        "https://127.0.0.4:"
    )
    with pytest.raises(FindingError, match=r"127\.0\.0\.2: not its own"):
        offered("gpu02", "a:1", addresses=["127.0.0.2"])


def test_a_cache_whose_name_means_only_itself_listens_where_its_default_route_begins(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_cache, "ELSEWHERE", ((socket.AF_INET, "127.0.0.1"),))
    assert offered("gpu02", "a:1", addresses=["127.0.0.2"], routed=True)["url"] == "https://127.0.0.1:11440"
    assert offered("gpu02", "a:1", addresses=["127.0.0.4"], routed=True)["url"] == "https://127.0.0.4:11440"


def test_a_cache_without_a_route_is_of_no_use(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_cache, "ELSEWHERE", ((socket.AF_INET6, "no address"),))
    with pytest.raises(FindingError, match=r"127\.0\.0\.2: not its own"):
        offered("gpu02", "a:1", addresses=["127.0.0.2"], routed=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.1.1", "::1", "192.0.2.1"])
def test_a_cache_listens_neither_for_itself_alone_nor_at_an_address_of_somebody_else(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    assert not model_cache._may_listen(family, address)


def test_a_host_without_models_of_ours_is_no_cache(root: Path) -> None:
    for act in (lambda: model_cache.lacking(["a:1"], RUN), lambda: offered("gpu02", "a:1")):
        with pytest.raises(FindingError, match="no models of gpuhost's yet"):
            act()


def test_a_cache_tells_what_it_lacks_itself(ollama: fake_ollama.FakeOllama, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "active", lambda: ["model-c-1"])
    paths.under("/models").mkdir()
    ollama.models = {"a:1": "x"}
    model_records.note_server(ollama.url, "/models")
    known = model_cache.lacking(["a:1", "A:1", "b:1"], RUN)
    assert (known["url"], known["folder"], known["missing"]) == (ollama.url, "/models", ["b:1"])
    assert (known["at_work"], known["held"], known["lease"]) == (["model-c-1"], "", None)
    assert 0 < known["free_bytes"] <= shutil.disk_usage(paths.under("/models")).total
    model_records.note_server("http://127.0.0.1:1", "/models")
    with pytest.raises(FindingError, match="does not answer"):
        model_cache.lacking(["a:1"], RUN)


def test_a_cache_tells_who_else_works_on_it(ollama: fake_ollama.FakeOllama) -> None:
    paths.under("/models").mkdir()
    model_records.note_server(ollama.url, "/models")
    lease.acquire({**RUN, "run": "r2"})
    known = model_cache.lacking([], RUN)
    assert "ada on desk" in known["held"]
    assert known["lease"]["owner"]["run"] == "r2"
    assert model_cache.lacking([], {**RUN, "run": "r2"})["held"] == ""
