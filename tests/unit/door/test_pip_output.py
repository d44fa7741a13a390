"""What pip prints, as captured from pip 23.2.1, is told to a person in one sentence with a next step."""

from __future__ import annotations

import pytest

from control.exitcodes import ExitCode
from control.pip_output import Progress, trouble

NOTHING_FOUND = """\
ERROR: Could not find a version that satisfies the requirement six==1.99 (from versions: none)
ERROR: No matching distribution found for six==1.99
"""


def retry(cause: str) -> str:
    return f"WARNING: Retrying (Retry(total=0)) after connection broken by '{cause}': /simple/six/\n"


def unreachable(errno: int, text: str) -> str:
    connection = "<pip._vendor.urllib3.connection.HTTPSConnection object at 0x7fa7f0866150>"
    return f"NewConnectionError('{connection}: Failed to establish a new connection: [Errno {errno}] {text}')"


TLS = """SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: \
self-signed certificate (_ssl.c:1006)'))"""

FAILURES = {
    "DNS": (
        "Looking in indexes: https://pypi.invalid/simple\n"
        + retry(unreachable(-2, "Name or service not known"))
        + NOTHING_FOUND,
        "pypi.invalid: its name could not be resolved (DNS)",
        "DNS",
    ),
    "refused": (
        "Looking in indexes: http://127.0.0.1:9/simple\n" + retry(unreachable(111, "Connection refused")) + NOTHING_FOUND,
        "127.0.0.1:9: the connection was refused",
        "pip config list",
    ),
    "a proxy that is not there": (
        retry(f"ProxyError('Cannot connect to proxy.', {unreachable(111, 'Connection refused')})") + NOTHING_FOUND,
        "the package index: the proxy did not let the request through",
        "https_proxy",
    ),
    "TLS": (
        retry(TLS)
        + "Could not fetch URL https://127.0.0.1/six/: HTTPSConnectionPool(host='127.0.0.1', port=18943)\n"
        + NOTHING_FOUND,
        "127.0.0.1:18943: the server's certificate is not trusted here (TLS)",
        "PIP_CERT",
    ),
    "a mirror without the package": (
        "Looking in indexes: https://me:****@mirror.example/simple\n" + NOTHING_FOUND,
        "mirror.example does not offer six==1.99 for this Python",
        "mirror",
    ),
    "a full disk": (
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
        "the disk is full",
        "1 GB",
    ),
    "anything else": ("Collecting six\nERROR: the flux capacitor is empty\n", "failed", "Read the log"),
    "silence": ("", "failed", "Read the log"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_names_the_server_the_cause_and_the_next_step(name: str) -> None:
    output, seen, step = FAILURES[name]

    found = trouble("Installing", output)

    assert seen in found.seen
    assert step in found.next
    assert found.code is ExitCode.STEP_FAILED


def test_the_line_of_pip_that_shows_the_cause_is_quoted() -> None:
    output, _, _ = FAILURES["refused"]
    assert "[Errno 111] Connection refused" in trouble("Installing", output).why


def test_a_wrong_checksum_has_its_own_exit_code() -> None:
    output = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n"
    assert trouble("Installing", output).code is ExitCode.INTEGRITY


def test_progress_counts_what_the_pip_of_debian_12_prints() -> None:
    progress = Progress(total=25)
    progress.feed("Processing /wheels/a-1.0-py3-none-any.whl\nCollecting ansible==12.3.0\n")
    assert progress.text() == "2 of 25 packages, "


def test_progress_counts_packages_and_names_what_is_fetched() -> None:
    progress = Progress(total=3)
    assert progress.text() == ""

    progress.feed("Processing /wheels/a-1.0-py3-none-any.whl (from -r requirements.txt (line 1))\nCollecting ansible==12")
    assert progress.text() == "1 of 3 packages, "

    progress.feed(".3.0 (from -r requirements.txt (line 2))\n  Downloading ansible-12.3.0-py3-none-any.whl (54.4 MB)\n")
    assert progress.text() == "2 of 3 packages, downloading ansible (54.4 MB), "

    progress.feed("Installing collected packages: a, ansible\n")
    assert progress.text() == "2 of 3 packages, unpacking, "
