"""The driver: which release, its build, its signature, its module."""

from __future__ import annotations

from control.catalogue.entry import Entry, notes, stopping, warnings
from control.exitcodes import ExitCode

ENTRIES: tuple[Entry, ...] = (
    *stopping(
        ExitCode.REFUSED,
        (
            "GH-DRIVER-SYSTEM",
            "AMD has no driver for the system",
            "its packages are made for the systems in the truth table",
            "set amdgpu_driver to auto or inbox, the kernel's own[; the nearest system that AMD has one for is {near}]",
        ),
        (
            "GH-DRIVER-VERSION",
            "No release of AMD's driver fits",
            "a driver that does not go with kernel, GPU or ROCm does not build, does not load, or fails at work",
            "[set amdgpu_driver_version: {near}, the nearest that fits; or ]set amdgpu_driver to inbox; `./gpuhost "
            "support` shows what goes together",
        ),
        (
            "GH-HEADERS-NONE",
            "No headers for the kernels that boot",
            "AMD's driver is built on the host and needs them",
            "[`apt-get install {near}` and make the host boot that kernel; or ]update the kernel from the "
            "distribution's own sources, or set amdgpu_driver to inbox",
        ),
    ),
    *stopping(
        ExitCode.STEP_FAILED,
        (
            "GH-DKMS-BUILD",
            "AMD's driver does not build for a kernel",
            "the kernel runs now or boots next; nothing was exchanged, and the driver from before is in its place",
            "the compiler's line above says why: mostly the kernel is newer than the driver. Name another release "
            "(amdgpu_driver_version), boot an older kernel, or set amdgpu_driver to inbox; `./gpuhost support` says what "
            "goes together",
        ),
        (
            "GH-DKMS-HEADERS",
            "A kernel's headers are not there",
            "the driver is built against them; nothing was exchanged, and the driver from before is in its place",
            "install the package that the message names; where the mirror no longer has it, `apt-get full-upgrade` and "
            "reboot into the kernel that it has, then run again",
        ),
        (
            "GH-DKMS-INSTALL",
            "AMD's driver was built and could not be installed",
            "the message says what became of the driver from before; dpkg is whole",
            "mend what the message names (most often a full disk) and run again",
        ),
        (
            "GH-DKMS-UNSIGNED",
            "AMD's driver was built and not signed",
            "the kernel would refuse it; nothing was exchanged, and the driver from before is in its place",
            "dkms signs with openssl and the headers' sign-file: install openssl, look at mok_signing_key in "
            "/etc/dkms/framework.conf, and run again",
        ),
        (
            "GH-MODULE-REJECTED",
            "The kernel refuses the driver's signature",
            "it takes only modules that are signed with a key it knows (Secure Boot, lockdown or module.sig_enforce=1)",
            "enrol the key (`mokutil --import` with the certificate that dkms signs with, then a person at the console), or "
            "set amdgpu_driver to inbox",
        ),
        (
            "GH-MODULE-FAILED",
            "The driver cannot be loaded",
            "no program reaches the GPU without it",
            "`dmesg | tail` on the host says why; a module of another kernel's build means that a reboot is due",
        ),
    ),
    *stopping(
        ExitCode.ACT,
        (
            "GH-MOK-ENROL",
            "A person has to enrol the host's signing key at its console",
            "under Secure Boot the kernel loads only modules whose key is known; the driver from before is in its place",
            "1. note the password[ that `sudo cat {password_file}` shows on the host]; 2. reboot with screen and keyboard "
            "(or the remote console) at hand; 3. in the blue screen press a key within ten seconds, choose Enroll MOK, "
            "Continue, Yes, type the password (American keyboard), Reboot; 4. run `./gpuhost up` again",
        ),
        (
            "GH-MOK-LOOP",
            "The signing key was handed in several times and never enrolled",
            "handing it in once more would only make the host ask at yet another boot",
            "see that somebody is at the console at the next boot; then `sudo rm /var/lib/gpuhost/mok.json` and run again, "
            "or set amdgpu_driver to inbox, which needs no key",
        ),
        (
            "GH-MOK-FAILED",
            "The signing key cannot be handed in",
            "the kernel takes only modules whose key is known to it, so AMD's driver was not installed",
            "mend what the message names; without UEFI and shim no key can become known: take module.sig_enforce or "
            "lockdown off the kernel command line, or set amdgpu_driver to inbox",
        ),
    ),
    *warnings(
        (
            "GH-DRIVER-FLOOR",
            "A program asks for a newer driver",
            "with an older one Ollama's GPU discovery hangs for 30 s, and then it runs on the processor",
            "[set amdgpu_driver: dkms, amdgpu_driver_version: {version}; or ]update the kernel and use its own driver",
        ),
        (
            "GH-DRIVER-UNLISTED",
            "A GPU that AMD does not list for its driver",
            "most such cards work; AMD tests and answers for those in its tables only",
            "nothing to do if you want it; otherwise set amdgpu_driver to inbox, the kernel's own",
        ),
        (
            "GH-DRIVER-CAUTION",
            "A release of AMD's driver that nobody gets without asking",
            "the truth table has a reservation about it; its repository may be gone",
            "leave amdgpu_driver_version empty for the newest release without one",
        ),
        (
            "GH-DRIVER-UNTRIED",
            "It is not known whether the driver builds for the kernel",
            "a build in a scratch folder comes first: if it fails, nothing has changed",
            "nothing to do; leave amdgpu_driver_version empty for a release that is known to build",
        ),
        (
            "GH-MOK-NEEDED",
            "The key that signs the driver has to be enrolled",
            "under Secure Boot the kernel loads only modules whose key is known; a person enrols it at the console, once",
            "`up` hands the key in and stops; reboot, choose Enroll MOK, Continue, Yes in the blue screen, type the "
            "one-time password, Reboot; then run `up` again",
        ),
        (
            "GH-MOK-PENDING",
            "The key that signs the driver waits for its enrolment",
            "until then the kernel refuses the driver",
            "reboot with a console at hand: Enroll MOK, Continue, Yes, the one-time password, Reboot; no blue screen "
            "means that the request was lost: `mokutil --import` it again",
        ),
        (
            "GH-SIGNING-NO-WAY",
            "The kernel refuses every driver that is built here",
            "it takes signed modules only, and without UEFI and shim no key of this host can become known to it",
            "switch Secure Boot off in the firmware, take module.sig_enforce or lockdown off the kernel command line, or "
            "set amdgpu_driver to inbox",
        ),
        (
            "GH-DKMS-KERNEL-LEFT",
            "A kernel that may boot has no driver of AMD's",
            "it neither runs nor boots next; chosen in the boot menu it starts with its own driver, or none",
            "take the kernel away if nobody uses it, or name a driver release that builds for it (amdgpu_driver_version)",
        ),
    ),
    *notes(
        (
            "GH-DRIVER-INBOX-OLDER",
            "The kernel's driver is older than what a program asks for",
            "AMD says for its own driver which releases go together, and says nothing of the kernel's",
            "nothing to do if the checks pass; otherwise a newer kernel, or amdgpu_driver: dkms",
        ),
    ),
)
