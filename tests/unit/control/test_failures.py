"""What Ansible, SSH and sudo say becomes a finding with an id."""

import pytest

from control import failures, findings


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "Failed to connect to the host via ssh: ssh: connect to host gpu03 port 22: No route to host",
            "GH-HOST-UNREACHABLE",
        ),
        (
            "Failed to connect to the host via ssh: ssh: connect to host 10.0.0.3 port 22: Connection timed out",
            "GH-HOST-UNREACHABLE",
        ),
        ("Failed to connect to the host via ssh: admin@gpu03: Permission denied (publickey,password).", "GH-SSH-KEY"),
        ("Failed to connect to the host via ssh: Host key verification failed.", "GH-SSH-HOSTKEY"),
        ("Missing sudo password", "GH-SUDO-PASSWORD"),
        ("Task failed: Incorrect sudo password", "GH-SUDO-PASSWORD"),
    ],
)
def test_a_host_that_cannot_be_worked_on_says_why(message: str, expected: str) -> None:
    outcome = failures.of_unreachable("gpu03", message)
    assert outcome.findings[0]["id"] == expected
    assert outcome.findings[0]["host"] == "gpu03"


def test_a_host_out_of_reach_is_told_of_in_sshs_own_words() -> None:
    before = 'Task failed: Data could not be sent to remote host "gpu03". Make sure this host can be reached over ssh: '
    said = "ssh: connect to host gpu03 port 22: No route to host"
    assert failures.of_unreachable("gpu03", before + said).findings[0]["seen"] == said


def test_sudo_that_wants_a_password_is_the_same_whichever_way_ansible_tells_it() -> None:
    outcome = failures.of_result(
        "gpu03", "Look", {"module_stderr": "sudo: a password is required\n", "msg": "MODULE FAILURE"}
    )
    assert outcome.findings[0]["id"] == "GH-SUDO-PASSWORD"


def test_a_finding_named_on_the_target_keeps_its_id_and_gets_the_catalogues_words() -> None:
    named = {"gpuhost_finding": {"id": "GH-APT-SIGNATURE", "seen": "NO_PUBKEY 12"}, "msg": "x"}
    (finding,) = failures.of_result("gpu01", "Install", named).findings
    assert finding["id"] == "GH-APT-SIGNATURE"
    assert finding["next"] == findings.make("GH-APT-SIGNATURE", "gpu01", "NO_PUBKEY 12").next


def test_a_refusal_of_several_findings_keeps_them_all() -> None:
    found = [findings.make(one, "gpu01", "seen").as_dict() for one in ("GH-GPU-NONE", "GH-DISK-SMALL", "GH-SIMULATED")]
    outcome = failures.of_result("gpu01", "Look", {"gpuhost_findings": found})
    assert outcome.status == "refused"
    assert len(outcome.findings) == 3


def test_of_a_loop_the_items_that_failed_say_why() -> None:
    named = {"failed": True, "gpuhost_finding": {"id": "GH-DATA-OWNER", "seen": "/srv belongs to 0:0"}}
    result = {"failed": True, "msg": "One or more items failed", "results": [{"changed": True}, named, named]}
    (finding,) = failures.of_result("gpu01", "Make the folders", result).findings
    assert (finding["id"], finding["seen"]) == ("GH-DATA-OWNER", "/srv belongs to 0:0")
    digest = {"failed": True, "gpuhost_findings": [findings.make("GH-DIGEST", "gpu01", "ollama").as_dict()]}
    assert failures.of_result("gpu01", "Fetch", {**result, "results": [digest]}).status == "integrity"


def test_an_unknown_failure_quotes_its_last_line_and_the_task() -> None:
    outcome = failures.of_result("gpu01", "Name the mirror", {"msg": "first\nthe disk went away"})
    assert outcome.status == "failed"
    assert outcome.findings[0]["id"] == "GH-STEP-FAILED"
    assert outcome.findings[0]["seen"] == "“Name the mirror”: the disk went away"


@pytest.mark.parametrize(
    "text", ["/bin/sh: 1: sudo: not found", "bash: sudo: command not found", "Timed out waiting for become success"]
)
def test_a_host_without_sudo_is_told_what_to_do(text: str) -> None:
    (finding,) = failures.of_result("gpu03", "Look", {"module_stderr": text}).findings
    assert finding["id"] == "GH-SUDO-PASSWORD"
