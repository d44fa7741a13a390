"""Secure Boot and signing keys, by the variables of real firmware and shim kept in `tests/samples/efivars`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.verify import module_bytes
from tests.unit.verify.builder import Builder
from tests.unit.verify.kernels import GUIDS
from tests.unit.verify.parts import DEBIAN13, UBUNTU2404
from tests.unit.verify.recorded import RecordedHost
from verify.parsers import der, efi
from verify.probes import signing

SAMPLES = Path(__file__).parents[2] / "samples" / "efivars"
EFIVARS = "/sys/firmware/efi/efivars"
SHIM_TABLES = "/sys/firmware/efi/mok-variables"


@pytest.fixture
def made(tmp_path: Path) -> Builder:
    built = Builder(tmp_path, DEBIAN13)
    built.bios()
    built.data("/var/lib/dkms/mok.pub", module_bytes.sample("dkms-mok.pub"))
    built.write("/var/lib/dkms/mok.key", "")
    return built


def firmware(made: Builder, case: str) -> RecordedHost:
    (made.root / EFIVARS.lstrip("/")).mkdir(parents=True)
    for path in (SAMPLES / case).iterdir():
        made.data(f"{EFIVARS}/{path.name}", path.read_bytes())
    return made.host


#: case, Secure Boot, begun by shim, shim validates, key enrolled, key pending
CASES = [
    ("enrolled", "on", True, True, True, False),
    ("enrolled-in-the-second-part", "on", True, True, True, False),
    ("not-enrolled", "on", True, True, False, False),
    ("another-key-of-the-same-name-enrolled", "on", True, True, False, False),
    ("pending", "on", True, True, False, True),
    ("shim-checks-nothing", "off", True, False, False, False),
    ("shim-checks-nothing-says-a-variable-that-shim-did-not-write", "on", True, True, False, False),
    ("without-shim", "on", False, None, False, False),
    ("off", "off", True, True, False, False),
    ("setup-mode", "setup", False, None, False, False),
    ("cut-short", "unknown", True, True, False, False),
]


@pytest.mark.parametrize(("case", "state", "shim", "validates", "enrolled", "pending"), CASES, ids=[row[0] for row in CASES])
def test_the_states_of_secure_boot_are_told_apart(
    made: Builder, case: str, state: str, shim: bool, validates: bool | None, enrolled: bool, pending: bool
) -> None:
    host = firmware(made, case)
    said = signing.look_signing(host)
    (key,) = said["keys"]
    assert signing.secure_boot(host) == state
    assert (said["shim"], said["shim_validation"]) == (shim, validates)
    assert (key["enrolled"], key["pending"]) == (enrolled, pending)


def test_every_kept_firmware_is_looked_at() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == {row[0] for row in CASES}


def test_a_host_that_started_by_bios_has_no_secure_boot_no_shim_and_no_enrolled_key(made: Builder) -> None:
    said = signing.look_signing(made.host)
    assert signing.secure_boot(made.host) == "none"
    assert (said["shim"], said["shim_validation"]) == (None, None)
    assert [(key["enrolled"], key["pending"]) for key in said["keys"]] == [(False, False)]


def test_uefi_without_its_variables_does_not_tell_whether_shim_began(made: Builder) -> None:
    (made.root / "sys/firmware/efi").mkdir(parents=True)
    assert signing.secure_boot(made.host) == "unknown"
    assert signing.look_signing(made.host)["shim"] is None


def test_shims_own_table_counts_where_the_firmware_had_no_room_for_the_list(made: Builder) -> None:
    host = firmware(made, "without-shim")
    content = (SAMPLES / "enrolled" / f"MokListRT-{GUIDS['Mok']}").read_bytes()[4:]
    made.data(f"{SHIM_TABLES}/MokListRT", content)
    assert signing.look_signing(host)["keys"][0]["enrolled"] is True
    made.data(f"{SHIM_TABLES}/MokSBStateRT", b"\1")
    assert signing.secure_boot(host) == "off"


def test_a_list_that_will_not_read_leaves_enrolment_open(made: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    host = firmware(made, "enrolled")
    read = RecordedHost.content
    monkeypatch.setattr(RecordedHost, "content", lambda self, path: None if "MokListRT" in path else read(self, path))
    assert signing.look_signing(host)["keys"][0]["enrolled"] is None
    assert host.needs_root == {"kernel.signing"}


def test_ubuntus_key_and_one_of_the_hosts_own_choice_are_known_beside_debians(tmp_path: Path) -> None:
    made = Builder(tmp_path, UBUNTU2404)
    made.data("/var/lib/shim-signed/mok/MOK.der", module_bytes.sample("ubuntu-MOK.der"))
    made.write("/var/lib/shim-signed/mok/MOK.priv", "")
    made.write(
        "/etc/dkms/framework.conf.d/own.conf", 'mok_signing_key="/root/own.key"\nmok_certificate=/root/own.der # ours\n'
    )
    made.data("/root/own.der", module_bytes.sample("dkms-mok-older.pub"))
    rows = [(key["certificate"], key["key"], key["subject"]) for key in signing.look_signing(made.host)["keys"]]
    assert rows == [
        ("/root/own.der", None, "DKMS module signing key"),
        ("/var/lib/shim-signed/mok/MOK.der", "/var/lib/shim-signed/mok/MOK.priv", "gpu01 Secure Boot Module Signature key"),
    ]


def test_a_key_without_its_certificate_is_there_and_can_be_enrolled_nowhere(made: Builder) -> None:
    (made.root / "var/lib/dkms/mok.pub").write_bytes(b"not a certificate")
    (key,) = signing.look_signing(made.host)["keys"]
    assert (key["subject"], key["serial"], key["enrolled"]) == (None, None, False)
    (made.root / "var/lib/dkms/mok.pub").unlink()
    (key,) = signing.look_signing(made.host)["keys"]
    assert (key["key"], key["enrolled"]) == ("/var/lib/dkms/mok.key", None)


@pytest.mark.parametrize(
    ("enforce", "lockdown", "enforced", "level"),
    [
        ("N", "[none] integrity confidentiality", False, "none"),
        ("Y", "[none] integrity confidentiality", True, "none"),
        ("N", "none [integrity] confidentiality", True, "integrity"),
        ("N", "none integrity [confidentiality]", True, "confidentiality"),
        ("Y", None, True, None),
        (None, None, None, None),
    ],
)
def test_what_the_kernel_enforces(
    made: Builder, enforce: str | None, lockdown: str | None, enforced: bool | None, level: str | None
) -> None:
    for path, text in ((signing.SIG_ENFORCE, enforce), (signing.LOCKDOWN, lockdown)):
        (made.root / path.lstrip("/")).unlink()
        if text:
            made.write(path, text + "\n")
    said = signing.look_signing(made.host)
    assert (said["enforced"], said["lockdown"]) == (enforced, level)


def test_certificates_are_named_by_subject_and_serial() -> None:
    assert der.certificate(module_bytes.sample("dkms-mok.pub")) == (module_bytes.MOK_SUBJECT, module_bytes.MOK_SERIAL)
    assert der.signer(module_bytes.sample("dkms-mok.p7s")) == (module_bytes.MOK_SUBJECT, module_bytes.MOK_SERIAL)


@pytest.mark.parametrize("sample", ["dkms-mok.pub", "dkms-mok.p7s"])
@pytest.mark.parametrize(
    "spoil", [lambda d: b"", lambda d: d[:100], lambda d: d[1:], lambda d: b"\x30\x84" + d, lambda d: d + d]
)
@pytest.mark.parametrize("read", [der.certificate, der.signer])
def test_what_is_no_certificate_or_signature_is_said_to_be_none(sample: str, spoil: Any, read: Any) -> None:
    with pytest.raises(ValueError, match=r"no (X\.509 certificate|PKCS #7 signature)"):
        read(spoil(module_bytes.sample(sample)))


@pytest.mark.parametrize("cut", [0, 3, 20, 27, 28, 60, 400])
def test_a_certificate_list_that_is_cut_short_holds_what_came_whole(cut: int) -> None:
    value = (SAMPLES / "not-enrolled" / f"MokListRT-{GUIDS['Mok']}").read_bytes()[4:]
    assert len(efi.certificates(value)) == 1
    assert efi.certificates(value[:cut]) == []
