"""Images: pulled, built, named."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from onhost import image_reference, paths, step_build, step_pull
from onhost.finding import FindingError
from onhost.report import Report
from onhost.siblings import Engine
from tests.unit.onhost.fake_engine import FakeEngine

DIGEST = "sha256:" + "d" * 64


@pytest.fixture
def report(root: Path) -> Report:
    return Report(paths.step("image"), "image")


@pytest.fixture(autouse=True)
def _asked_engine(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (step_pull, step_build):
        monkeypatch.setattr(module, "default_engine", lambda: Engine(engine.socket))
    engine.answers["GET", "/version"] = (200, {"Os": "linux", "Arch": "amd64"})


@pytest.mark.parametrize(
    ("name", "repository", "version", "local"),
    [
        ("ollama/ollama:rocm", "ollama/ollama", "rocm", "ollama/ollama:rocm"),
        ("python", "python", "latest", "python:latest"),
        ("host:5000/a/b", "host:5000/a/b", "latest", "host:5000/a/b:latest"),
        (f"a/b@{DIGEST}", "a/b", DIGEST, f"a/b@{DIGEST}"),
        (f"a/b:rocm@{DIGEST}", "a/b", DIGEST, f"a/b@{DIGEST}"),
    ],
)
def test_names_of_images(name: str, repository: str, version: str, local: str) -> None:
    reference = image_reference.parse(name)
    assert (reference.repository, reference.version, reference.local) == (repository, version, local)


def test_layers_sum_up_and_then_unpack() -> None:
    layers = step_pull.Layers()
    assert layers.amount == (None, None)
    for message in (
        {"id": "a", "status": "Downloading", "progressDetail": {"current": 5, "total": 10}},
        {"id": "b", "status": "Downloading", "progressDetail": {"current": 1, "total": 30}},
        {"id": "a", "status": "Download complete", "progressDetail": {}},
    ):
        layers.hear(message)
    assert (layers.amount, layers.phase, layers.text) == ((11, 40), "download", "1 of 2 layers")
    layers.hear({"id": "b", "status": "Download complete"})
    layers.hear({"id": "a", "status": "Extracting", "progressDetail": {"current": 1, "total": 10}})
    assert (layers.amount, layers.phase) == ((40, 40), "unpack")


def test_a_pull_ends_with_the_image_s_id_digest_and_label(engine: FakeEngine, report: Report) -> None:
    engine.answers["POST", "/images/create"] = (200, [{"status": "Pulling from a/b", "id": "rocm"}])
    image = {"Id": "sha256:1", "RepoDigests": [f"a/b@{DIGEST}"], "Config": {"Labels": {step_pull.STAND_IN_LABEL: "of b"}}}
    spec = {"image": "a/b:rocm"}
    assert step_pull.needed(spec)
    engine.answers["GET", "/images/a/b:rocm/json"] = (200, image)
    assert not step_pull.needed(spec)
    result = step_pull.run(spec, report)
    assert result == {"installed": [], "image_id": "sha256:1", "digest": DIGEST, "stand_in": "of b"}
    assert step_pull.facts(spec)["stand_in"] == "of b"
    assert "POST /images/create?fromImage=a%2Fb&tag=rocm" in engine.asked


def test_an_image_by_tag_and_digest_is_pulled_by_digest_and_gets_its_tag(engine: FakeEngine, report: Report) -> None:
    engine.answers["POST", "/images/create"] = (200, [{"status": "Status: Downloaded"}])
    engine.answers["POST", f"/images/a/b@{DIGEST}/tag"] = (201, None)
    engine.answers["GET", f"/images/a/b@{DIGEST}/json"] = (200, {"Id": "sha256:1"})
    step_pull.run({"image": f"a/b:rocm@{DIGEST}"}, report)
    assert any(f"tag={DIGEST.replace(':', '%3A')}" in asked for asked in engine.asked)
    assert any("repo=a%2Fb&tag=rocm" in asked for asked in engine.asked)


@pytest.mark.parametrize(
    ("message", "id"),
    [
        ("manifest for a/b:x not found: manifest unknown: manifest unknown", "GH-PULL-NOT-FOUND"),
        ("pull access denied for a/b, repository does not exist or may require 'docker login'", "GH-PULL-NOT-FOUND"),
        ("toomanyrequests: You have reached your pull rate limit.", "GH-PULL-FAILED"),
        ("Get \"https://m/v2/\": x509: certificate signed by unknown authority", "GH-PULL-FAILED"),
        ("no matching manifest for linux/amd64 in the manifest list entries", "GH-IMAGE-ARCH"),
        ("filesystem layer verification failed for digest sha256:1", "GH-DIGEST"),
        ("write /var/lib/docker/tmp/x: no space left on device", "GH-DISK-FULL"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("inside", [True, False])
def test_a_registry_s_words_become_findings(engine: FakeEngine, report: Report, message: str, id: str, inside: bool) -> None:
    answer: Any = (200, [{"errorDetail": {"message": message}, "error": message}]) if inside else (404, {"message": message})
    engine.answers["POST", "/images/create"] = answer
    with pytest.raises(FindingError) as caught:
        step_pull.run({"image": "a/b:x"}, report)
    assert caught.value.id == id
    assert message in caught.value.seen


def test_an_image_for_another_processor_is_refused_and_does_not_stay(engine: FakeEngine, report: Report) -> None:
    """The engine takes it, since the registry offers it without saying for what it is."""
    engine.answers["POST", "/images/create"] = (200, [{"status": "Status: Downloaded"}])
    engine.answers["GET", "/images/a/b:x/json"] = (200, {"Id": "sha256:1", "Os": "linux", "Architecture": "arm64"})
    engine.answers["DELETE", "/images/a/b:x"] = (200, [])
    assert step_pull.needed({"image": "a/b:x"}), "what is there cannot run here"
    with pytest.raises(FindingError) as caught:
        step_pull.run({"image": "a/b:x"}, report)
    assert caught.value.id == "GH-IMAGE-ARCH"
    assert caught.value.seen == "a/b:x is made for linux/arm64, and this host is linux/amd64"
    assert "DELETE /images/a/b:x" in engine.asked


@pytest.mark.parametrize("image", [{"Os": "linux", "Architecture": "amd64"}, {"Os": "", "Architecture": ""}, {}])
def test_an_image_for_this_processor_is_there(engine: FakeEngine, image: dict[str, str]) -> None:
    engine.answers["GET", "/images/a/b:x/json"] = (200, {"Id": "sha256:1", **image})
    assert not step_pull.needed({"image": "a/b:x"})


@pytest.fixture
def context(root: Path) -> dict[str, Any]:
    folder = root / "var/context"
    (folder / "verify").mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM base\n")
    (folder / "verify" / "a.py").write_text("1")
    return {"image": "gpuhost/jupyter:1", "context_dir": "/var/context", "args": {"BASE": "python:3"}}


def test_a_build_sends_the_context_and_labels_the_image(engine: FakeEngine, report: Report, context: dict[str, Any]) -> None:
    engine.answers["POST", "/build"] = (200, [{"stream": "Step 1/2 : FROM base\n"}, {"aux": {"ID": "x"}}])
    assert step_build.needed(context)
    labels = {step_build.CONTEXT_LABEL: step_build.context_digest(context)}
    engine.answers["GET", "/images/gpuhost/jupyter:1/json"] = (200, {"Id": "sha256:2", "Config": {"Labels": labels}})
    assert step_build.run({**context, "extrahosts": ["mirror:10.0.0.2"]}, report)["image_id"] == "sha256:2"
    sent = next(index for index, asked in enumerate(engine.asked) if "/build" in asked)
    with tarfile.open(fileobj=io.BytesIO(engine.bodies[sent])) as archive:
        assert {"./Dockerfile", "./verify/a.py"} <= set(archive.getnames())
        assert {member.uid for member in archive} == {0}
    for part in ("buildargs=%7B%22BASE%22", "extrahosts=mirror", labels[step_build.CONTEXT_LABEL]):
        assert part in engine.asked[sent]
    assert not step_build.needed(context)


@pytest.mark.parametrize("change", ["content", "args", "new file"])
def test_another_context_is_another_image(engine: FakeEngine, root: Path, context: dict[str, Any], change: str) -> None:
    before = step_build.context_digest(context)
    if change == "args":
        context["args"] = {"BASE": "python:4"}
    else:
        name = "a.py" if change == "content" else "b.py"
        (root / "var/context/verify" / name).write_text("2")
    assert step_build.context_digest(context) != before


def test_a_failed_build_shows_its_last_lines(engine: FakeEngine, report: Report, context: dict[str, Any]) -> None:
    said = [
        {"stream": "Step 2/2 : RUN pip install x\n"},
        {"stream": "ERROR: no x\n"},
        {"error": "returned a non-zero code: 1"},
    ]
    engine.answers["POST", "/build"] = (200, said)
    with pytest.raises(FindingError, match="non-zero") as caught:
        step_build.run(context, report)
    assert caught.value.id == "GH-BUILD-FAILED"
    assert "ERROR: no x" in caught.value.detail
