"""The words of every finding. ``docs/findings.md`` has one entry for each; a test compares the two.

In ``why`` and ``next``, ``{name}`` is a parameter of :func:`control.findings.make`; ``[…]`` goes where it is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from control.exitcodes import ExitCode

Level = Literal["refuse", "warn", "note"]


@dataclass(frozen=True)
class Entry:
    """What never changes about a finding. ``exit_code`` is DONE for levels that stop nothing."""

    id: str
    title: str
    level: Level
    exit_code: ExitCode
    why: str
    next: str


def _stopping(code: ExitCode, *texts: tuple[str, str, str, str]) -> tuple[Entry, ...]:
    return tuple(Entry(finding_id, title, "refuse", code, why, next_) for finding_id, title, why, next_ in texts)


def _passing(level: Level, *texts: tuple[str, str, str, str]) -> tuple[Entry, ...]:
    return tuple(Entry(finding_id, title, level, ExitCode.DONE, why, next_) for finding_id, title, why, next_ in texts)


_INPUT = _stopping(
    ExitCode.BAD_INPUT,
    (
        "GH-INPUT-UNKNOWN-VARIABLE",
        "A variable that no role knows",
        "Ansible would ignore it in silence, and the site would not be what it says",
        "write {near} in its place, or take it out",
    ),
    (
        "GH-INPUT-TYPE",
        "A variable of the wrong type or value",
        "the roles would misread it",
        "correct {variable}; what it takes stands in roles/*/meta/argument_specs.yml",
    ),
    (
        "GH-INPUT-UNKNOWN-HOST",
        "A host that the site does not have",
        "gpuhost works on no host that it was not told about",
        "check the spelling[; the nearest is {near}], or add it to the site's hosts.yml",
    ),
    (
        "GH-INPUT-UNKNOWN-SITE",
        "A site that is not there",
        "a site is a folder below inventory/",
        "check the spelling[; the nearest is {near}], or copy inventory/example to a new one",
    ),
    (
        "GH-INPUT-INVENTORY",
        "An inventory that cannot be read",
        "Ansible would go on without the part it cannot read",
        "correct [{file}, ]the place that the message names; `ansible-inventory --list` shows the same",
    ),
    (
        "GH-INPUT-FILE",
        "A file on the control node that cannot be read",
        "hosts are to get it from here",
        "correct the path in {variable}, or put the file there",
    ),
    (
        "GH-INPUT-MISSING",
        "A setting without the one it needs",
        "a mirror that hosts cannot check would be trusted blindly",
        "set {variable}",
    ),
    (
        "GH-INPUT-UNKNOWN-SERVICE",
        "A service that the catalogue does not have",
        "nothing is known of its image, ports or data",
        "check the spelling[; the nearest is {near}]; `./gpuhost support` lists the catalogue",
    ),
    (
        "GH-INPUT-UNKNOWN-USER",
        "A user that the host does not have",
        "gpuhost puts users into groups and makes none",
        "make the user on the host, or take the name out of gpu_access_users",
    ),
    (
        "GH-INPUT-PORT",
        "A port that cannot be used",
        "every service needs a port of its own between 1 and 65535",
        "correct services_ports",
    ),
)

_NO_HOST = _stopping(
    ExitCode.NO_HOST,
    (
        "GH-INPUT-EMPTY-GROUP",
        "No host to work on",
        "a run over no host would end as a success that means nothing",
        "add hosts to the group gpuhost in inventory/{site}/hosts.yml, or name some with --host",
    ),
)

_HOST = _stopping(
    ExitCode.REFUSED,
    (
        "GH-GPU-NONE",
        "No AMD GPU",
        "drivers, ROCm and GPU services would have nothing to run on",
        "`./gpuhost up --cpu` sets this host up without a GPU (preflight_cpu_only: true in a site)",
    ),
    (
        "GH-GPU-UNKNOWN",
        "An AMD GPU that the truth table does not know",
        "without its gfx target no image or wheel can be chosen for it",
        "load the driver so that it tells the target itself, or add the device to support/gpus.yml; --cpu goes without it",
    ),
    (
        "GH-GPU-NO-DRIVER",
        "An AMD GPU without a driver",
        "no program can reach it",
        "set amdgpu_driver to auto or inbox, or load a driver yourself; --cpu goes without the GPU",
    ),
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
        "GH-KERNEL-OLD",
        "A kernel that is older than the GPU",
        "its driver cannot start the GPU, and there is no other driver for it here",
        "[`apt-get install {package}` and reboot, or ]install Linux {since} or newer; --cpu goes without the GPU",
    ),
    (
        "GH-HEADERS-NONE",
        "No headers for the kernels that boot",
        "AMD's driver is built on the host and needs them",
        "[`apt-get install {near}` and make the host boot that kernel; or ]update the kernel from the "
        "distribution's own sources, or set amdgpu_driver to inbox",
    ),
    (
        "GH-GPU-INIT-FAILED",
        "The driver is loaded and could not start the GPU",
        "a loaded module and /dev/kfd are no proof of a GPU: KFD lists only the processor",
        "`dmesg | grep -i amdgpu` says why (firmware missing, kernel older than the chip, device half passed through)",
    ),
    (
        "GH-GPU-VFIO",
        "The only AMD GPU is reserved for a virtual machine",
        "a device bound to vfio-pci belongs to a guest; taking it away would crash that guest",
        "give it back to amdgpu (take {pci} out of the vfio-pci ids, reboot), or use --cpu",
    ),
    (
        "GH-OS-UNSUPPORTED",
        "An operating system outside the truth table",
        "package names and kernels are not known to work there",
        "install {near}, the nearest that works; `./gpuhost support` lists all",
    ),
    (
        "GH-INIT",
        "No systemd as init",
        "long steps and the container engine run as systemd units",
        "boot the host with systemd; a plain container is no host (`./gpuhost try` makes one that is)",
    ),
    (
        "GH-PORT-TAKEN",
        "A port is in use",
        "{service} could not start",
        "stop what listens there[ ({holder})], or choose another port: services_ports: {{service}: {free}}",
    ),
    (
        "GH-PORT-OPEN",
        "Services would listen on every address",
        "none of them asks for a password over an encrypted line yet, and Docker's rules pass by the firewall",
        "set services_bind_address to 127.0.0.1 and reach them through `ssh -L`, or to one address of a private network",
    ),
    (
        "GH-DISK-SMALL",
        "Not enough room on a disk",
        "the run would stop half-way with the disk full",
        "free {missing} on {mount} or make it larger; services_data_root can point to another disk",
    ),
    (
        "GH-BOOT-SMALL",
        "Not enough room for kernels",
        "a kernel or its initial ramdisk that is cut short does not boot",
        "free {missing} on {mount}: `apt-get autoremove --purge` takes away kernels that no longer boot",
    ),
    (
        "GH-CONFIRM",
        "Something that has to be agreed to",
        "a working driver would be replaced, or the machine that gpuhost runs on rebooted",
        "run the same command with --yes, or set preflight_confirmed in the site, after a look at `./gpuhost plan`",
    ),
    (
        "GH-NET-DNS",
        "A name is not found",
        "what the plan needs is fetched from there",
        "correct the host's resolver (/etc/resolv.conf), or point the sources_* variables at a mirror it can find",
    ),
    (
        "GH-NET-TLS",
        "A certificate is not trusted",
        "fetching over it could be somebody else's data",
        "put the site's CA into sources_ca_certificates, and check the host's clock",
    ),
    (
        "GH-NET-REFUSED",
        "A server does not take the connection",
        "what the plan needs is fetched from there",
        "start the server or open the firewall to it, or point the sources_* variables elsewhere",
    ),
    (
        "GH-NET-TIMEOUT",
        "A server does not answer",
        "what the plan needs is fetched from there",
        "check route, proxy and firewall from the host, or point the sources_* variables at a mirror it reaches",
    ),
    (
        "GH-NET-HTTP",
        "A server answers with an error",
        "what the plan needs is fetched from there",
        "check the address in the sources_* variables: it must hold what its name says",
    ),
    (
        "GH-TORCH-PYTHON",
        "No PyTorch wheel for the host's Python",
        "pip would find nothing to install",
        "set pytorch_build to {choice}; the JupyterLab container brings its own Python",
    ),
    (
        "GH-TORCH-TARGET",
        "No PyTorch wheel for the GPU",
        "a wheel without kernels for the target fails at the first kernel, not at import",
        "set pytorch_build to cpu, or none",
    ),
    (
        "GH-TORCH-NONE",
        "PyTorch of that build does not exist for the system",
        "there is no row for it in the truth table",
        "set pytorch_build to auto",
    ),
    (
        "GH-ROCM-NONE",
        "ROCm of that stream does not exist for the system",
        "there is no row for it in the truth table",
        "[set {near}; or ]set rocm_stream to auto",
    ),
    (
        "GH-ROCM-VERSION",
        "ROCm of that release does not exist for the system",
        "there is no row for it in the truth table",
        "[set {near}; ]`./gpuhost support` lists the releases of each system",
    ),
    (
        "GH-ROCM-TARGET",
        "ROCm of that release has no kernels for the GPU",
        "programs would fail at their first kernel, not when they start",
        "[set {near}; or ]set rocm_stream to auto: containers and wheels bring their own ROCm",
    ),
    (
        "GH-ROCM-DRIVER",
        "ROCm and driver that do not go together",
        "AMD supports a driver with the releases of about a year around it; outside, programs hang or fail",
        "[set {choice}, or ]set rocm_stream to auto",
    ),
    (
        "GH-LAB",
        "The lab cannot be made on this machine",
        "lab hosts are containers of this machine's own Docker Engine",
        "{next}",
    ),
    (
        "GH-SNAPSHOT-PART",
        "A part of the host that could not be read",
        "a decision that needs it would be a guess",
        "run as root (sudo), or mend what the message names",
    ),
)

_UNREACHABLE = _stopping(
    ExitCode.UNREACHABLE,
    (
        "GH-HOST-UNREACHABLE",
        "The host does not answer",
        "nothing was done there",
        "check name, address, port and power; `ssh <host>` must work",
    ),
    (
        "GH-SSH-KEY",
        "The host refuses the login",
        "nothing was done there",
        "`ssh-copy-id <user>@<host>`, or name the right user and key (ansible_user, ansible_ssh_private_key_file)",
    ),
    (
        "GH-SSH-HOSTKEY",
        "The host's key is unknown or has changed",
        "it may be another machine than the one meant",
        "compare the fingerprint at the host; then `ssh-keygen -R <host>` and log in once by hand",
    ),
    (
        "GH-SUDO-PASSWORD",
        "sudo wants a password or does not allow it",
        "packages, drivers and services need root",
        "add --ask-sudo to the command, log in as root, or allow the user: `<user> ALL=(ALL) NOPASSWD: ALL` in "
        "/etc/sudoers.d/gpuhost (through visudo -f)",
    ),
    (
        "GH-PYTHON-MISSING",
        "No Python on the host",
        "gpuhost's modules run on the host's own Python, 3.9 or newer",
        "`apt-get install python3` on the host, or set ansible_python_interpreter",
    ),
)

_LOCKED = _stopping(
    ExitCode.LOCKED,
    (
        "GH-LOCKED",
        "Another run works on this host",
        "two runs at once would undo each other's work",
        "wait for it, or end it; a run that died is noticed by itself and does not block",
    ),
)

_STEP = _stopping(
    ExitCode.STEP_FAILED,
    (
        "GH-STEP-FAILED",
        "A step failed on the host",
        "what came before it stays; a rerun goes on from there",
        "see the line above and the full log, mend it, and run the same command again",
    ),
    (
        "GH-APT-LOCKED",
        "apt is held by another program",
        "two package managers at once would break both",
        "wait until [{holder} ]is done (unattended-upgrades takes some minutes after boot), then run again",
    ),
    (
        "GH-APT-FAILED",
        "apt could not install the packages",
        "nothing was removed; a rerun is safe",
        "`apt-get -f install` on the host shows the same; mend it and run again",
    ),
    (
        "GH-APT-UNREACHABLE",
        "apt cannot reach a package source",
        "packages come from there",
        "check the address in /etc/apt and the host's network, or set sources_apt_url",
    ),
    (
        "GH-APT-NOT-FOUND",
        "apt does not find a package",
        "the host's package sources do not offer it",
        "add the component it is in (firmware: non-free-firmware on Debian, universe on Ubuntu), or put it on the mirror",
    ),
    (
        "GH-APT-SOURCE-CLASH",
        "Two package sources for one repository with different keys",
        "apt refuses all work while they are both there",
        "take the file that the message names out of /etc/apt/sources.list.d, or its line, and run again",
    ),
    (
        "GH-KEY-FETCH",
        "A repository's key cannot be fetched",
        "without it apt would trust nothing that comes from there",
        "check address, proxy and firewall from the host, or point the sources_amd_* variables at a mirror it reaches",
    ),
    (
        "GH-APT-REMOVES",
        "Installing would remove other packages",
        "gpuhost takes away nothing that is not its own",
        "`apt-get --simulate install` with the same packages shows the conflict; resolve it by hand and run again",
    ),
    (
        "GH-DPKG-INTERRUPTED",
        "An interrupted package installation could not be repaired",
        "apt refuses all work until it is",
        "`dpkg --configure -a` on the host names the package that fails",
    ),
    (
        "GH-BOOT-LOADER-FAILED",
        "The boot loader's menu cannot be made",
        "kernel parameters reach the kernel through it; settings and menu are as they were",
        "`update-grub` on the host shows the same; mend what it names in /etc/default/grub and run again",
    ),
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
        "GH-BOOT-FULL",
        "/boot has no room",
        "a kernel or an initial RAM disk that is cut short does not boot; nothing was begun",
        "take away kernels that are no longer used (`apt-get autoremove --purge`, or `apt-get purge linux-image-…` for "
        "one that is neither running nor next), and run again",
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
    (
        "GH-REBOOT-LOOP",
        "Reboots did not help",
        "the host was rebooted for the same reason before, and that reason is still there; it is not done a third time",
        "look which kernel and which module boot (`uname -r`, `modinfo amdgpu`, `lsinitramfs /boot/initrd.img-$(uname "
        "-r)`); after mending it remove /var/lib/gpuhost/reboots.json and run again",
    ),
    (
        "GH-REBOOT-SLOW",
        "The host did not come back from its reboot",
        "whether it still starts or hangs cannot be seen from here",
        "look at its console; once it answers, run the same command again, which goes on from there. A machine that "
        "takes longer by nature: raise amdgpu_reboot_timeout",
    ),
    (
        "GH-DISK-FULL",
        "The disk became full",
        "the step stopped; what it had begun is kept and reused",
        "free room on the host (`df -h`, `docker image prune` for unused images) and run again",
    ),
    (
        "GH-PULL-FAILED",
        "An image could not be fetched",
        "its container cannot start; layers that came are kept",
        "check the registry or mirror that the message names and run again",
    ),
    (
        "GH-PULL-NOT-FOUND",
        "The registry does not have the image",
        "its container cannot start",
        "check sources_registry_mirrors: the mirror must pass on what it does not have",
    ),
    (
        "GH-BUILD-FAILED",
        "An image could not be built",
        "its container cannot start",
        "the build's output is in the log; most often a package index was not reached from the build",
    ),
    (
        "GH-PIP-FAILED",
        "pip could not install",
        "the environment with PyTorch is not complete",
        "the output is in the log; mend what it names and run again",
    ),
    (
        "GH-PIP-NOT-FOUND",
        "The package index does not offer a package",
        "the environment with PyTorch is not complete",
        "check sources_python_index and sources_torch_index, or choose another pytorch_build",
    ),
    (
        "GH-MODEL-FAILED",
        "A model could not be fetched",
        "apps that use it have nothing to answer with",
        "check the name in services_models and that the host reaches the model registry, then run again",
    ),
    (
        "GH-DATA-OWNER",
        "A folder of user data belongs to somebody else",
        "its service could not write there, and gpuhost changes the owner of nobody's data",
        "run the chown that the message names, after a look at what is in there",
    ),
    (
        "GH-CONTAINER-UNHEALTHY",
        "A container does not become healthy",
        "its service does not answer as it should",
        "`./gpuhost services logs` shows its last lines",
    ),
)

_INTEGRITY = _stopping(
    ExitCode.INTEGRITY,
    (
        "GH-KEY-FINGERPRINT",
        "A repository's key is not the one that was pinned",
        "whoever holds that key could install anything on the hosts",
        "get the right key, or, if its owner really has a new one, pin that[ in place of {pinned}]: "
        "sources_apt_key_fingerprint, sources_amd_key_fingerprint, or support/repositories.yml for AMD's own",
    ),
    (
        "GH-APT-SIGNATURE",
        "A package source is not signed with a trusted key",
        "its packages could come from anybody",
        "give the source's own key (sources_apt_key with sources_apt_key_fingerprint); never trusted=yes",
    ),
    (
        "GH-DIGEST",
        "Something fetched is not what was pinned",
        "it was changed on the way or at its source",
        "compare with the maker's published digest; change the pin in support/ only when it matches",
    ),
)

_ACT = _stopping(
    ExitCode.ACT,
    (
        "GH-REBOOT-NEEDED",
        "The host has to be rebooted",
        "until then the driver that is loaded is not the one that is installed",
        "reboot[ {when}], then run `./gpuhost up` again: it goes on from there and proves the host",
    ),
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
)

_VERIFY = _stopping(
    ExitCode.VERIFY_FAILED,
    (
        "GH-VERIFY-FAILED",
        "The host is set up and does not prove itself",
        "something that looks installed does not do its work",
        "each failed check says what was seen, what was wanted and what to do; `./gpuhost verify` runs them again",
    ),
    (
        "GH-VERIFY-NOT-RUN",
        "The checks could not run",
        "whether the host works is not known",
        "see the line above; `./gpuhost up` puts the checks back, `./gpuhost verify` runs them",
    ),
)

_BUG = _stopping(
    ExitCode.BUG,
    (
        "GH-BUG",
        "A fault of gpuhost's own",
        "this should not happen, whatever the host is like",
        "please report it with the log file that is named above",
    ),
)

_WARNINGS = _passing(
    "warn",
    (
        "GH-OVERRIDE-STALE",
        "HSA_OVERRIDE_GFX_VERSION is set for the whole host",
        "it reaches every program: needed by one, it makes others compute wrong results or crash",
        "take the line out[ of {file}]; gpuhost sets it for the one container that needs it",
    ),
    (
        "GH-ROCM-MISMATCH",
        "ROCm and driver on the host do not go together",
        "AMD supports a driver with the releases of about a year around it; outside, programs hang or fail",
        "[set {choice}; or ]take the ROCm out that nobody uses; containers and wheels bring their own",
    ),
    (
        "GH-ROCM-REPLACES",
        "Installed ROCm packages give way",
        "AMD's streams and releases exclude each other, and programs that are linked to the old ones need the new",
        "nothing to do if this is what you want; otherwise set rocm_stream to auto, which keeps what is there",
    ),
    (
        "GH-GPU-TARGET",
        "A service has no kernels for the GPU",
        "it will run on the processor, at about a tenth of the speed",
        "`./gpuhost support --gpu {gfx}` shows what has kernels for it",
    ),
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
        "GH-KERNEL-NEWER",
        "The host gets a newer kernel",
        "the mirror has no headers of the one that runs, so nothing can be built for it",
        "nothing to do: `up` installs {kernel} with its headers and reboots into it once",
    ),
    (
        "GH-KERNEL-NEXT",
        "The kernel that boots next does not have AMD's driver",
        "after the next reboot programs meet another driver, or none",
        "install that kernel's headers and `dkms autoinstall -k {kernel}`, or boot another kernel by default",
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
        "switch Secure Boot off in the firmware, take module.sig_enforce or lockdown off the kernel command line, or set "
        "amdgpu_driver to inbox",
    ),
    (
        "GH-REBOOT-LATER",
        "A reboot is due",
        "until then the driver that is loaded is not the one that is installed",
        "reboot the host when it suits you",
    ),
    (
        "GH-DKMS-KERNEL-LEFT",
        "A kernel that may boot has no driver of AMD's",
        "it neither runs nor boots next; chosen in the boot menu it starts with its own driver, or none",
        "take the kernel away if nobody uses it, or name a driver release that builds for it (amdgpu_driver_version)",
    ),
    (
        "GH-GPU-RESERVED",
        "An AMD GPU is reserved for a virtual machine",
        "it is left alone",
        "nothing to do, unless this host should use it: then give {pci} back to amdgpu",
    ),
    (
        "GH-APT-BUSY",
        "apt is in use right now",
        "package steps wait until it is free",
        "nothing to do; on a fresh host it is mostly unattended-upgrades",
    ),
    (
        "GH-DPKG-UNFINISHED",
        "A package installation was interrupted earlier",
        "apt refuses all work until it is repaired; the first package step does that",
        "nothing to do",
    ),
    (
        "GH-KERNEL-PARAMETER-KEPT",
        "A kernel parameter is set otherwise",
        "somebody decided it for this host; gpuhost leaves it",
        "take {found} out of /etc/default/grub (or the file in grub.d that sets it) to let gpuhost set {wanted}",
    ),
    (
        "GH-KERNEL-PARAMETER-MANUAL",
        "Kernel parameters that gpuhost cannot set",
        "the host boots without GRUB, or its GRUB settings leave no room for them",
        "add {words} to the boot loader's configuration (systemd-boot: /etc/kernel/cmdline, then "
        "`dpkg-reconfigure linux-image-$(uname -r)`) and reboot",
    ),
    (
        "GH-MEMORY-LOW",
        "Little memory",
        "{why}",
        "use a smaller model (services_models), or add memory",
    ),
    (
        "GH-KFD-CPU-ONLY",
        "/dev/kfd is there and lists only the processor",
        "KFD without a GPU node is no GPU: programs that ask it find none",
        "nothing to do on a host without a GPU; otherwise `dmesg | grep -i amdgpu`",
    ),
    (
        "GH-APU-KERNEL",
        "A kernel that keeps memory from the integrated GPU",
        "programs see a fraction of the memory, or fail to start on the GPU (legacy-rocm-build#5444)",
        "install kernel {since} or newer, the distribution's hardware enablement or backports kernel for example",
    ),
    (
        "GH-APU-GTTSIZE",
        "A deprecated kernel parameter for the GPU's memory",
        "beside ttm.pages_limit it gives two limits that contradict each other (legacy-rocm-build#5595)",
        "take amdgpu.gttsize out of the kernel command line and reboot",
    ),
    (
        "GH-ACCESS-WORLD",
        "Everybody on the host may open the GPU",
        "whoever runs a program there can read other programs' GPU memory, and use any hole of the driver",
        'take the rule with MODE="0666" out of /etc/udev/rules.d, then set gpu_access_method to groups',
    ),
)

_NOTES = _passing(
    "note",
    (
        "GH-SIMULATED",
        "The GPU is simulated",
        "what needs a real one is not verified here, and no result of it reads as a pass",
        "nothing to do; a lab host is for trying and testing",
    ),
    (
        "GH-LOOK-WITHOUT-ROOT",
        "Looked at without root",
        "the kernel's log, other users' processes, the container engine and gpuhost's own seals are for root alone",
        "nothing to do if this is enough; else add --ask-sudo to the command, or log in as root",
    ),
    (
        "GH-CONTAINER-HOST",
        "The host is itself a container",
        "it shares its kernel: drivers are its host's business",
        "nothing to do",
    ),
    (
        "GH-GPU-IGNORED",
        "A GPU is left out",
        "programs that pick a device by themselves could take the wrong one",
        "nothing to do",
    ),
    (
        "GH-GPU-PARTLY",
        "A program does not use every GPU",
        "it has no kernels for the one that is left out, or needs an override that the others must not get",
        "nothing to do; `./gpuhost support` shows what has kernels for it",
    ),
    (
        "GH-ACCESS-LOGIN",
        "Somebody has to log in again",
        "a session keeps the groups that it began with",
        "{user} logs out of every session and in again after the run (a reboot does as well)",
    ),
    (
        "GH-APU-CARVEOUT",
        "The BIOS reserves much memory for the integrated GPU",
        "it is lost to the system and brings no speed: the GPU can map memory as it needs it",
        "set the reservation in the BIOS (UMA frame buffer) to its least, say 0.5 GB; the plan then raises the limit",
    ),
    (
        "GH-DRIVER-INBOX-OLDER",
        "The kernel's driver is older than what a program asks for",
        "AMD says for its own driver which releases go together, and says nothing of the kernel's",
        "nothing to do if the checks pass; otherwise a newer kernel, or amdgpu_driver: dkms",
    ),
    (
        "GH-GPU-NOT-LOADED",
        "The GPU's driver is not loaded yet",
        "the role amdgpu installs its firmware and loads it; the target comes from the PCI id until then",
        "nothing to do",
    ),
    (
        "GH-KERNEL-CVE",
        "The kernel has a known hole in its GPU driver",
        "{why}",
        "update the kernel and reboot; do not give people access to /dev/kfd whom you would not make root",
    ),
    (
        "GH-ENGINE-OLD",
        "A container engine older than 28",
        "ports published on 127.0.0.1 can be reached from the same network segment (moby#45610)",
        "keep the host behind a firewall, or install a newer engine",
    ),
)

#: In the order of docs/findings.md.
ENTRIES: tuple[Entry, ...] = (
    *_INPUT,
    *_NO_HOST,
    *_HOST,
    *_UNREACHABLE,
    *_LOCKED,
    *_STEP,
    *_INTEGRITY,
    *_ACT,
    *_VERIFY,
    *_BUG,
    *_WARNINGS,
    *_NOTES,
)
