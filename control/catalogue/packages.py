"""Packages, their sources, and the network they come over."""

from __future__ import annotations

from control.catalogue.entry import Entry, stopping, warnings
from control.exitcodes import ExitCode

ENTRIES: tuple[Entry, ...] = (
    *stopping(
        ExitCode.REFUSED,
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
    ),
    *stopping(
        ExitCode.STEP_FAILED,
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
            "add the component it is in (firmware: non-free-firmware on Debian, universe on Ubuntu), or put it on the "
            "mirror; where a mirror changed while gpuhost worked, run the same command again",
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
    ),
    *stopping(
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
    ),
    *warnings(
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
    ),
)
