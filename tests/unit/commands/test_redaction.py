"""No secret stays in a text, in whatever form, and nothing else goes."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from verify import redaction
from verify.redaction import REMOVED, Redactor

SECRET = 'c4n4ry/+ x&y"zé\\k'
SAMPLES = Path(__file__).parents[2] / "samples"

by_looks = Redactor()


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("JWT_SECRET=abc123def", "JWT_SECRET=#"),
        ("export HF_TOKEN='a b'; next", "export HF_TOKEN=#; next"),
        ('AUTH_TOKEN="cut off at the', "AUTH_TOKEN=#"),
        ("password: hunter2 # why", "password: # # why"),
        ('{"api_key": "ab\\"c", "b": 1}', '{"api_key": #, "b": 1}'),
        ("ansible_become_password: hunter2", "ansible_become_password: #"),
        ("ollama --api-key hunter2 serve", "ollama --api-key # serve"),
        ("?token=0f3c9a&x=1", "?token=#&x=1"),
        ("http://127.0.0.1:8888/lab?token=0f3c9a", "http://127.0.0.1:8888/lab?token=#"),
        ("https://bob:hunter2@index.example.org/simple", "https://#@index.example.org/simple"),
        ("https://a_long_deploy_token@git.example.org/x", "https://#@git.example.org/x"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer #"),
        ("'Proxy-Authorization': 'Basic Ym9i'", "'Proxy-Authorization': 'Basic #'"),
        ("sshpass -p hunter2 ssh gpu01", "sshpass -p # ssh gpu01"),
        ("curl -sf -u bob:hunter2 https://a/", "curl -sf -u bob:# https://a/"),
        ("found ghp_0123456789abcdefghijABCDEFGHIJ here", "found # here"),
        ("hf_abcdefghijklmnopqrstuvwx", "#"),
        ("AKIAIOSFODNN7EXAMPLE", "#"),
        ("eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.dozjgNryP4J3", "#"),
        ("root:$y$j9T$abc/def$ghi:19000:0", "root:#:19000:0"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\nend", "#\nend"),
        ('"-----BEGIN RSA PRIVATE KEY-----\\nMIIE\\n-----END RSA PRIVATE KEY-----"', '"#"'),
        ("-----BEGIN EC PRIVATE KEY-----\ncut off", "#"),
        ("x: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6131326139383736\n  3361623239386437\ny: 1", "x: !vault |\n  #\ny: 1"),
    ],
)
def test_what_looks_like_a_secret_goes(text: str, cleaned: str) -> None:
    assert by_looks.text(text) == cleaned.replace("#", REMOVED, 1)


def test_it_goes_from_a_json_text_inside_of_json_texts_too() -> None:
    inner = json.dumps({"api_key": 'a"b\\c', "keep": 1})
    for text in (inner, json.dumps({"t": inner}), json.dumps({"t": json.dumps({"t": inner})})):
        cleaned = by_looks.text(text)
        assert "keep" in cleaned
        assert REMOVED in cleaned
        assert 'a\\"b' not in cleaned.replace("\\\\", "\\")


@pytest.mark.parametrize(
    "text",
    [
        "OLLAMA_MODEL_TOKEN_LIMIT=4096",
        "HSA_OVERRIDE_GFX_VERSION=10.3.0",
        "amdgpu_mok_password_file: /root/mok",
        "sources_apt_key: /etc/gpuhost/key.asc",
        '"secrets": [{"name": "JWT_SECRET", "length": 48}]',
        "JUPYTER_TOKEN=",
        '"token": ""',
        "token: null",
        "eval: 12.3 tokens per second, tokens: 7",
        "Loading of module with unavailable key is rejected",
        "sudo: a password is required",
        "docker run -u 1000:1000 --group-add 44",
        "git@github.com:ROCm/ROCm.git",
        "https://repo.radeon.com/amdgpu/30.30.3/ubuntu",
        "CA8B B472 7A47 B4D0 9B4E E896 9386 B48A 1A69 3C5C",
        "sha256:" + "ab" * 32,
    ],
)
def test_what_is_none_stays(text: str) -> None:
    assert by_looks.text(text) == text


@pytest.mark.parametrize("path", sorted((SAMPLES / "snapshots").rglob("*.json")), ids=lambda path: path.stem)
def test_a_recorded_snapshot_loses_nothing(path: Path) -> None:
    snapshot = json.loads(path.read_text(encoding="utf-8"))
    assert Redactor(["a-secret-of-the-host"]).document(snapshot) == snapshot


def written(secret: str) -> dict[str, str]:
    """Texts that hold the secret, by the form in which they do."""
    return {
        "plain": f"a {secret} b",
        "json": json.dumps({"x": f"a {secret} b"}),
        "json without ASCII": json.dumps({"x": secret}, ensure_ascii=False),
        "json in json": json.dumps({"x": json.dumps({"x": secret})}),
        "url": f"https://h/?x={quote(secret, safe='')}&y",
        "path": f"/x/{quote(secret)}/y",
        "form": f"x={quote_plus(secret)}",
        "base64": f"Ym9i {base64.b64encode(secret.encode()).decode()}",
        "base64 after one": base64.b64encode(f"a{secret}".encode()).decode(),
        "base64 after two, in an address": base64.urlsafe_b64encode(f"ab{secret}c".encode()).decode(),
    }


@pytest.mark.parametrize("form", written(SECRET))
@pytest.mark.parametrize("secret", [SECRET, "0123456789abcdefABCDEF", "päss wört"])
@pytest.mark.parametrize("known", ["value", "fingerprint"])
def test_a_known_secret_goes_in_every_form(form: str, secret: str, known: str) -> None:
    text = written(secret)[form]
    prints = redaction.fingerprints([secret], "k" * 64)
    redactor = Redactor([secret]) if known == "value" else Redactor(prints=prints, key="k" * 64)
    cleaned = redactor.text(text)
    assert REMOVED in cleaned
    for left in redaction.forms(secret):
        assert left not in cleaned
    # Whole groups of base64 that depend on the secret alone are gone as well.
    assert len(cleaned.replace(REMOVED, "")) <= len(text) - len(secret) + 4


def test_every_line_of_a_secret_of_several_lines_is_one() -> None:
    assert Redactor(["first-line\nsecond-line\n"]).text("x second-line first-line") == f"x {REMOVED} {REMOVED}"


def test_a_fingerprint_tells_nothing_without_its_key_and_another_key_finds_nothing() -> None:
    prints = redaction.fingerprints([SECRET], "one")
    assert not any(form in json.dumps(prints) for form in redaction.forms(SECRET))
    assert Redactor(prints=prints, key="two").text(f"a {SECRET} b") == f"a {SECRET} b"


def test_what_is_too_short_to_be_a_secret_tears_no_holes() -> None:
    assert Redactor(["on", "12345"]).text("on condition 12345") == "on condition 12345"


def test_secrets_that_overlap_leave_nothing_between_them() -> None:
    prints = redaction.fingerprints(["abcdefghij", "ghijklmnop"], "k")
    assert Redactor(prints=prints, key="k").text("x abcdefghijklmnop y") == f"x {REMOVED} y"


def test_a_document_is_cleaned_value_by_value() -> None:
    document = {
        "env": {"JWT_SECRET": "short", "PORT": 11434, "DB_PASSWORD": 1234, "EMPTY_TOKEN": "", "HAS_TOKEN": True},
        "list": ["https://a:b@c/", None, 1.5],
        "secrets": [{"name": "JWT_SECRET", "path": "/etc/x"}],
        "passwords_of_nobody": ["kept"],
    }
    assert by_looks.document(document) == {
        "env": {"JWT_SECRET": REMOVED, "PORT": 11434, "DB_PASSWORD": REMOVED, "EMPTY_TOKEN": "", "HAS_TOKEN": True},
        "list": [f"https://{REMOVED}@c/", None, 1.5],
        "secrets": [{"name": "JWT_SECRET", "path": "/etc/x"}],
        "passwords_of_nobody": ["kept"],
    }
