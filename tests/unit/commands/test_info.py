"""`info`: what a person reads, and an archive that holds no secret."""

from __future__ import annotations

import base64
import io
import json
import re
import stat
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from rich.console import Console

from control import actions, records, run
from control.commands import info, info_shown, survey
from control.findings import make
from control.inventory import Selection
from control.preflight import LOOK_WITHOUT_ROOT
from onhost import bundle
from tests.unit.planner.conftest import snapshot
from verify import record, redaction
from verify.checks.context import Ran
from verify.parsers import rocminfo
from verify.probes.host import Host

SAMPLES = Path(__file__).parents[2] / "samples"
#: Planted in the host's own secrets: what a service made, one with signs in it, and one in an environment file.
MADE, ODD, FILED = "hQ2xMADEsecretOfAService7", 'od/d+ "q" é\\secret', "fileD0ntShowMe1234"
#: Planted as what they look like.
TOKEN, PASSWORD, KEY = "hf_canaryCANARYcanaryCANARY", "hunter2canary", "MIIEcanaryOfAPrivateKey"
CANARIES = (MADE, ODD, FILED, TOKEN, PASSWORD, KEY)


# -- the archive


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def planted_host(root: Path) -> None:
    """A host whose secrets stand where they must not: in its logs, seals, orders and settings."""
    write(root / "etc/gpuhost/secrets/jupyter/token", MADE + "\n")
    write(root / "etc/gpuhost/secrets/odd/value", ODD)
    write(root / "srv/gpuhost/anythingllm/.env", f"JWT_SECRET='{FILED}'\nPORT=3001\nOPEN=yes-this-is-kept\n")
    steps = root / "var/lib/gpuhost/steps/python"
    write(steps / "output.log", f"Collecting torch\ntoken is {MADE}, kept\n")
    write(steps / "spec.json", json.dumps({"index_url": f"https://bob:{PASSWORD}@index.example.org/simple", "kept": 1}))
    write(
        root / "var/lib/gpuhost/seals/services.json",
        json.dumps({"x": f"-----BEGIN RSA PRIVATE KEY-----\n{KEY}\n-----END RSA PRIVATE KEY-----", "kept": 2}),
    )
    write(root / "var/lib/dkms/amdgpu/6.16.13/build/make.log", f"HF_TOKEN={TOKEN} make: kept {quote(ODD)}\n")
    write(root / "etc/default/grub", f'GRUB_CMDLINE_LINUX="kept x={FILED}"\n')


def planted_run(site: Path, host: str) -> None:
    """An earlier run whose log has what no log should."""
    run = site / "2026-11-01T000000.000Z"
    write(run / "run.json", json.dumps({"command": "up", "hosts": [host]}))
    basic, odd = (base64.b64encode(text.encode()).decode() for text in (f"a:{MADE}", ODD))
    log = f"kept Authorization: Basic {basic}\nansible_become_password={PASSWORD}\n{TOKEN} {odd}\n"
    write(run / "ansible.log", log)
    write(run / "events.jsonl", json.dumps({"event": "kept", "msg": json.dumps({"env": FILED, "odd": ODD})}) + "\n")
    write(site / "2026-11-02T000000.000Z/run.json", json.dumps({"command": "status", "hosts": [host]}))
    write(site / "2026-11-03T000000.000Z/run.json", json.dumps({"command": "up", "hosts": ["another"]}))


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The bundle of a host with canaries in eleven places, made as the module, the action and the command make it."""
    root, reports, host = tmp_path / "root", tmp_path / "reports", "gpu01"
    folder = reports / "site" / "2026-11-22T120000.000Z"
    folder.mkdir(parents=True)
    planted_host(root)
    planted_run(folder.parent, host)
    monkeypatch.setenv("GPUHOST_ROOT", str(root))
    monkeypatch.setenv(actions.RUN_DIR_VARIABLE, str(folder))
    monkeypatch.setattr(records, "REPORTS_DIR", reports)
    seen = snapshot("ubuntu-24.04-rx6600-plus-igpu")
    seen["kernel"]["cmdline"] += f" kept={quote(MADE, safe='')}{quote(ODD, safe='')}"
    plan = {
        "kept": 3,
        "roles": {"services": {"containers": [{"env_file": {"path": "/srv/gpuhost/anythingllm/.env"}}]}},
        "x": json.dumps(ODD),
    }
    examined = {"snapshot": seen, "plan": plan, "due": {}, "drift": [], "findings": []}
    said = {"command": ["rocminfo"], "path": "/usr/bin/rocminfo", "rc": 0, "error": "", "timed_out": False, "seconds": 0.1}
    tools = {
        "rocminfo": {**said, "out": f"kept {MADE}", "err": "", "parsed": {"x": FILED}},
        "amd-smi": {"command": ["amd-smi"], "path": None},
    }
    looked = {"tools": tools, "kernel_log": {"lines": [f"[ 1.0] kept {ODD}"]}, "torch": []}

    asked = records.asked(examined, True, records.new_key())
    secrets = bundle.secrets(asked["env_files"])
    clean = redaction.Redactor(secrets)
    answer = {
        "record": clean.document(looked),
        "files": {name: clean.text(text) for name, text in bundle.files().items()},
        "fingerprints": redaction.fingerprints(secrets, asked["fingerprint_key"]),
    }
    records.keep(folder, host, examined, answer, asked["fingerprint_key"])
    info.write_bundle(tmp_path / "gpu01.tar.gz", folder)
    return tmp_path / "gpu01.tar.gz"


def texts(archive: Path) -> dict[str, str]:
    with tarfile.open(archive) as opened:
        files = [(one, opened.extractfile(one)) for one in opened.getmembers() if one.isfile()]
        return {one.name: stream.read().decode() for one, stream in files if stream}


def test_the_archive_has_what_a_report_of_a_fault_needs(archive: Path) -> None:
    names = {name.removeprefix("gpu01/gpu01/") for name in texts(archive)}
    assert {
        "snapshot.json",
        "plan.json",
        "record.json",
        "tools/rocminfo.txt",
        "host/var/lib/gpuhost/steps/python/output.log",
        "host/var/lib/gpuhost/steps/python/spec.json",
        "host/var/lib/gpuhost/seals/services.json",
        "host/var/lib/dkms/amdgpu/6.16.13/build/make.log",
        "host/etc/default/grub",
        "last-run/ansible.log",
        "last-run/events.jsonl",
    } <= names
    assert not any("secrets" in name or name.endswith(".env") for name in names)


def test_the_canaries_were_really_planted(tmp_path: Path, archive: Path) -> None:
    there = "".join(
        path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".gz"
    )
    assert [canary for canary in CANARIES if not any(form in there for form in redaction.forms(canary))] == []


@pytest.mark.parametrize("canary", CANARIES)
def test_no_canary_is_in_the_archive_in_any_form(archive: Path, canary: str) -> None:
    found = [(name, form) for name, text in texts(archive).items() for form in redaction.forms(canary) if form in text]
    assert found == []


def test_what_stands_beside_a_canary_is_kept(archive: Path) -> None:
    planted = ("output.log", "spec.json", "services.json", "make.log", "grub", "ansible.log", "events.jsonl", "rocminfo.txt")
    for name, text in texts(archive).items():
        if name.endswith(planted):
            assert "kept" in text, name
            assert redaction.REMOVED in text, name


def test_the_snapshot_in_the_archive_is_one_that_plan_takes(archive: Path) -> None:
    assert json.loads(texts(archive)["gpu01/gpu01/snapshot.json"])["schema"] == 1


def test_only_its_owner_may_read_the_archive_and_it_names_nobody(archive: Path) -> None:
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    with tarfile.open(archive) as opened:
        assert {(one.uid, one.uname) for one in opened.getmembers()} == {(0, "root")}


def test_the_last_run_is_the_newest_of_the_host_that_changed_or_proved_it(archive: Path) -> None:
    assert json.loads(texts(archive)["gpu01/gpu01/last-run/run.json"])["command"] == "up"


def test_without_a_bundle_neither_files_nor_fingerprints_are_asked_for() -> None:
    examined = {"snapshot": snapshot("debian-12-rx6600"), "plan": {"roles": {}}, "findings": []}
    asked = records.asked(examined, False, "key")
    assert (asked["bundle"], asked["fingerprint_key"], asked["user"]) == (False, "", "ada")


def test_a_folder_that_is_not_there_is_bad_input_before_any_host_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert info.info(info.Options(bundle="/nowhere/at/all.tar.gz")) == 10
    assert "GH-INPUT-FILE" in capsys.readouterr().out


# -- the command


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """What `info` prints for a host whose look found ``findings``."""

    def tell(findings: list[dict[str, Any]], **options: Any) -> str:
        examined = {"snapshot": snapshot("debian-12-rx6600"), "plan": {}, "due": {}, "drift": [], "findings": findings}
        ended = {"status": "done", "changed": 0, "findings": [], "role": "", "task": ""}
        write(tmp_path / "records/gpu01.json", json.dumps({"host": "gpu01", **record_of()}))
        chosen = Selection("lab", (), ("gpu01",), False)
        finished = run.Run(tmp_path, chosen, {"gpu01": ended}, {"gpu01": examined}, 1.0, 0, "info")
        monkeypatch.setattr(info, "perform", lambda *given, **named: finished)
        assert info.info(info.Options(**options)) == 0
        return capsys.readouterr().out

    return tell


def test_as_json_it_is_one_document_that_plan_takes(told: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = told([], json=True)
    assert json.loads(document)["records"]["gpu01"]["kernel_log"] == {"lines": []}
    write(tmp_path / "host.json", document)
    assert survey.plan(survey.Options(snapshot=str(tmp_path / "host.json"), json=True)) == 0
    assert json.loads(capsys.readouterr().out)["system"] == "debian-12"


def test_what_only_root_could_see_is_said_beneath(told: Any) -> None:
    partial = make(LOOK_WITHOUT_ROOT, "gpu01", "sudo: a password is required; root would add: seals").as_dict()
    out = told([partial])
    assert out.startswith("gpu01 ")
    assert "root would add: seals" in out


# -- what is asked


def test_every_pytorch_is_asked_the_planned_one_first_and_each_once() -> None:
    venvs = [
        {"path": "/opt/gpuhost/torch", "torch": {"version": "2"}},
        {"path": "/opt/webui/venv", "torch": {"version": "2"}},
        {"path": "/x", "torch": None},
    ]
    planned = [
        {"where": "host", "python": "/opt/gpuhost/torch/bin/python", "environment": {"ROCR_VISIBLE_DEVICES": "0"}},
        {"where": "gpuhost-jupyter", "python": "python3"},
    ]
    roles = {"verify": {"expected": {"torch": planned}}}
    assert records.places({"venvs": venvs}, roles) == [
        {"where": "host", "python": "/opt/gpuhost/torch/bin/python", "environment": {"ROCR_VISIBLE_DEVICES": "0"}},
        {"where": "/opt/webui/venv", "python": "/opt/webui/venv/bin/python"},
    ]
    assert records.places({"venvs": {"error": "x"}}, {}) == []


# -- what programs on the host say


def tool_folder(tmp_path: Path, **scripts: str) -> str:
    for name, text in scripts.items():
        path = tmp_path / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        path.chmod(0o755)
    return f"{tmp_path}:/usr/bin:/bin"


def test_a_tool_is_kept_with_its_exit_status_and_both_outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tool_folder(tmp_path, rocminfo="echo 'ROCk module is NOT loaded, possibly no GPU devices'; echo oh >&2; exit 1")
    monkeypatch.setattr(record, "PATH", path)
    said = record.tool("rocminfo")
    assert (said["rc"], said["err"], said["parsed"]["kind"]) == (1, "oh\n", "not_loaded")
    assert record.tool("amd-smi") == {"command": ["amd-smi", "list", "--json"], "path": None}


def test_a_tool_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "PATH", tool_folder(tmp_path, rocminfo="sleep 60"))
    monkeypatch.setattr(record, "SECONDS", 0.3)
    said = record.tool("rocminfo")
    assert (said["rc"], said["timed_out"], said["parsed"]) == (None, True, None)


def test_the_kernels_lines_about_the_gpu_are_told_from_the_others() -> None:
    log = (
        "6,1,0,-;Linux version 6.12.1\n"
        "6,811,12345678,-;amdgpu 0000:03:00.0: amdgpu: ring gfx_0.0.0 timeout\n SUBSYSTEM=pci\n DEVICE=+pci:0000:03:00.0\n"
        "6,812,12345679,-;usb 1-1: new high-speed USB device\n"
        "3,813,12345680,-;Loading of module with unavailable key is rejected\n"
    )
    assert record.gpu_lines(log) == [
        "[    0.000000] Linux version 6.12.1",
        "[   12.345678] amdgpu 0000:03:00.0: amdgpu: ring gfx_0.0.0 timeout",
        "[   12.345680] Loading of module with unavailable key is rejected",
    ]


def test_a_log_that_only_root_reads_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Host) -> str:
        raise PermissionError

    monkeypatch.setattr(Host, "kernel_log", refused)
    assert record.kernel_log(Host()) == {"error": "only root may read the kernel's log"}


TORCH = """
__version__ = "2.9.0"
class version: hip = None; cuda = None
class cuda:
    @staticmethod
    def is_available(): return False
"""


def test_pytorch_is_asked_in_a_process_of_its_own(tmp_path: Path) -> None:
    import sys

    (tmp_path / "torch.py").write_text(TORCH, encoding="utf-8")
    place = {"where": "host", "python": sys.executable, "environment": {"PYTHONPATH": str(tmp_path)}}
    said = record.torch_of(place, None)
    assert (said["seen"]["version"], said["seen"]["build"], said["seen"]["devices"]) == ("2.9.0", "cpu", [])
    gone = record.torch_of({"where": "host", "python": "/nowhere/python"}, None)
    assert info_shown.NOT_THERE in gone["seen"]["error"]


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (Ran(1, "", "Traceback\nImportError: libamdhip64.so: cannot open"), "ImportError: libamdhip64.so: cannot open"),
        (Ran(None, error="no end after 120 s", timed_out=True), "no end after 120 s"),
        (Ran(139, "", ""), "no output, exit status 139"),
        (Ran(0, "[1]", ""), "[1]"),
    ],
)
def test_a_pytorch_that_does_not_answer_says_why(done: Ran, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "ask_torch", lambda *asked: done)
    assert record.torch_of({"where": "host", "python": "python3"}, "ada")["seen"]["error"] == words


BEGUN = {"version": "2.13.0", "build": "rocm", "hip": "7.10", "devices": [], "computed": {"cpu": {}}}
ENDS = [
    ({"at": "import"}, "no end after 120 s while being imported"),
    ({**BEGUN, "at": "devices"}, "no end after 120 s while looking for GPUs"),
    ({**BEGUN, "at": ["cpu", "conv"]}, "no end after 120 s while computing conv on cpu"),
]


@pytest.mark.parametrize(("line", "words"), ENDS)
def test_a_pytorch_that_hangs_says_where(line: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    done = Ran(None, json.dumps(line), "", "no end after 120 s", timed_out=True)
    monkeypatch.setattr(record, "ask_torch", lambda *asked: done)
    said = record.torch_of({"where": "host", "python": "/v/bin/python"}, "ada")
    lines = shown("debian-12-rx6600", record_of(torch=[said]))
    assert next(one for one in lines if "/v/bin/python" in one) == f"✗ PyTorch /v/bin/python: {words}"


# -- what a person reads


def tool_said(name: str, sample: str, rc: int = 0) -> dict[str, Any]:
    text = (SAMPLES / "rocminfo" / sample).read_text(encoding="utf-8")
    done = {"command": [name], "path": f"/usr/bin/{name}", "rc": rc, "error": "", "timed_out": False, "seconds": 0.2}
    return {**done, "out": text, "err": "", "parsed": rocminfo.parse(text)}


def shown(host: str, looked: dict[str, Any] | None = None, **changed: Any) -> list[str]:
    out = Console(file=io.StringIO(), width=220, highlight=False)
    examined = {"snapshot": {**snapshot(host), **changed}, "plan": {}, "due": {}, "findings": []}
    info_shown.show(out, "gpu01", examined, looked or {})
    assert isinstance(out.file, io.StringIO)
    return [re.sub(r" +", " ", line).strip() for line in out.file.getvalue().splitlines()]


def record_of(**changed: Any) -> dict[str, Any]:
    return {"tools": {}, "kernel_log": {"lines": []}, "torch": [], **changed}


def torch_seen(**changed: Any) -> dict[str, Any]:
    right = {"tensor": {"error_ratio": 0.0}, "matmul": {"error_ratio": 0.1}}
    gpu = [{"name": "AMD Radeon RX 6600", "gfx": "gfx1032", "memory_bytes": 1}]
    seen = {"version": "2.9.0+rocm6.4", "hip": "6.4.1", "cuda": None, "build": "rocm", "available": True, "devices": gpu}
    return {
        "where": "host",
        "python": "/t/bin/python",
        "user": "ada",
        "seen": {**seen, "computed": {"cpu": right, "cuda:0": right}, **changed},
    }


@pytest.mark.parametrize(
    "line",
    [
        "machine Ubuntu 24.04 LTS · Linux 6.14.0-37-generic · ",
        "✓ GPU Radeon RX 6600 gfx1032, 1002:73ff rev c7, board 1da2:e447, at 0000:03:00.0, ",
        "driver amdgpu, /dev/dri/renderD128, KFD node 1",
        "✓ driver amdgpu is loaded, the kernel's own, ",
        "✓ KFD: 3 nodes, 2 of them GPUs",
        "/dev/kfd root:render 0660",
        "ada is in ",
    ],
)
def test_a_host_is_told_from_its_snapshot(line: str) -> None:
    assert any(line in one for one in shown("ubuntu-24.04-rx6600-plus-igpu"))


def test_gpu_agents_are_counted_and_processors_and_npus_are_none() -> None:
    looked = record_of(tools={"rocminfo": tool_said("rocminfo", "7.2-apu-with-npu-empty-cpu-name.txt")})
    line = next(one for one in shown("debian-12-rx6600", looked) if "rocminfo" in one)
    assert re.match(r"✓ tools rocminfo exit status 0, 1 GPU \(gfx\w+\); besides: CPU \(no name\), DSP ", line)
    looked = record_of(tools={"rocminfo": tool_said("rocminfo", "6.1-cpu-only.txt")})
    line = next(one for one in shown("debian-12-rx6600", looked) if "rocminfo" in one)
    assert re.match(r"✗ tools rocminfo exit status 0, 0 GPUs; besides: CPU ", line)


def test_a_tool_that_failed_says_why_with_its_real_exit_status() -> None:
    looked = record_of(
        tools={
            "rocminfo": tool_said("rocminfo", "error-eacces-no-login.txt", rc=1),
            "amd-smi": {"command": [], "path": None},
        }
    )
    lines = shown("debian-12-rx6600", looked)
    assert any(
        re.match(r"✗ tools rocminfo exit status 1: Unable to open /dev/kfd read-write: Permission denied", one)
        for one in lines
    )
    assert any("not installed: amd-smi" in one for one in lines)


def test_a_tool_on_a_simulated_gpu_is_neither_good_nor_bad() -> None:
    looked = record_of(tools={"rocminfo": tool_said("rocminfo", "error-not-loaded.txt", rc=1)})
    lines = shown("debian-13-rx6600-simulated", looked)
    assert "SIMULATED" in lines[1]
    assert any(one.startswith("○ tools rocminfo exit status 1") for one in lines)


def test_pytorch_is_good_only_where_it_computes_rightly() -> None:
    lines = shown("debian-12-rx6600", record_of(torch=[torch_seen()]))
    assert any(
        "2.9.0+rocm6.4 in /t/bin/python, built for ROCm 6.4.1; asked as ada; GPUs: AMD Radeon RX 6600 (gfx1032)" in one
        for one in lines
    )
    assert any(one.startswith("✓ on cuda:0 (AMD Radeon RX 6600, gfx1032): tensor, matmul are right") for one in lines)
    failing = {
        "cpu": {},
        "cuda:0": {"tensor": {"raised": "HIP error: invalid device function"}, "matmul": {"error_ratio": 7.0}},
    }
    lines = shown("debian-12-rx6600", record_of(torch=[torch_seen(computed=failing)]))
    assert any(
        "✗ on cuda:0 (AMD Radeon RX 6600, gfx1032): tensor HIP error: invalid device function; matmul is wrong" in one
        for one in lines
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"import_error": "OSError: libhsa-runtime64.so.1"}, "✗ PyTorch /t/bin/python: OSError: libhsa-runtime64.so.1"),
        ({"error": "[Errno 2] No such file: '/t/bin/python'"}, "○ PyTorch /t/bin/python is not there: `./gpuhost up`"),
        ({"build": "cuda", "cuda": "12", "devices": [], "computed": {}}, "built for CUDA 12: no AMD GPU is visible to it"),
        ({"build": "cpu", "devices": [], "computed": {}}, "built for processors alone; asked as ada; GPUs: none"),
        ({"devices": [], "device_error": "RuntimeError: HIP error", "computed": {}}, "GPUs: RuntimeError: HIP error"),
    ],
)  # fmt: skip
def test_a_pytorch_that_has_no_gpu_says_why(changed: dict[str, Any], words: str) -> None:
    assert any(words in one for one in shown("debian-12-rx6600", record_of(torch=[torch_seen(**changed)])))


def test_the_last_of_the_drivers_lines_are_shown() -> None:
    log = [f"[    {number}.000000] amdgpu line {number}" for number in range(9)]
    lines = shown("debian-12-rx6600", record_of(kernel_log={"lines": ["[    0.000000] Linux version 6", *log]}))
    assert any("10 lines about GPU and IOMMU since boot, the last of the driver:" in one for one in lines)
    assert next(one for one in lines if "amdgpu line" in one).endswith("amdgpu line 3")


def test_a_section_that_could_not_be_read_is_a_line_and_no_crash() -> None:
    whole = snapshot("ubuntu-24.04-rx6600-plus-igpu")
    sections = [name for name, value in whole.items() if isinstance(value, (dict, list))]
    lines = shown("ubuntu-24.04-rx6600-plus-igpu", **{name: {"error": "EIO"} for name in sections})
    assert sum("EIO" in one for one in lines) == len(sections)


def test_every_recorded_host_can_be_shown() -> None:
    for path in sorted((SAMPLES / "snapshots").rglob("*.json")):
        said = json.loads(path.read_text(encoding="utf-8"))
        assert len(list(info_shown.lines(said, record_of()))) > 5
