"""The container engine, images, containers, their ports and data."""

from __future__ import annotations

from control.catalogue.entry import Entry, notes, stopping, warnings
from control.exitcodes import ExitCode

ENTRIES: tuple[Entry, ...] = (
    *stopping(
        ExitCode.REFUSED,
        (
            "GH-PORT-TAKEN",
            "A port is in use",
            "{service} could not start",
            "stop what listens there[ ({holder})], or choose another port: {setting}",
        ),
        (
            "GH-PORT-OPEN",
            "Services would listen for others than this host",
            "they speak without TLS, not all of them ask for a login, and Docker's rules pass by the firewall",
            "leave services_bind_address at 127.0.0.1; gateway_enabled: true opens one door with TLS and logins, on the "
            "addresses of gateway_bind_addresses, and `./gpuhost services --tunnel` leads through SSH",
        ),
        (
            "GH-SERVICE-ABSENT",
            "A service that the host does not run",
            "there is nothing of it to change",
            "check services_enabled of the site and run `./gpuhost up` first; `./gpuhost services` shows what runs where",
        ),
        (
            "GH-SECRETS-TERMINAL",
            "Secrets are shown on a terminal only",
            "in a file, a pipe or a log they would be found by whoever reads it later",
            "run the command on a terminal, and send its output nowhere",
        ),
        (
            "GH-SECRET-GIVEN",
            "A secret that the site gives",
            "the next `up` would put the site's value back",
            "change it in services_secrets of the site and run `./gpuhost up`, or take it out there",
        ),
        (
            "GH-SECRET-INITIAL",
            "A secret that an application reads at its first start alone",
            "a new one would open nothing",
            "change it in the application, where it is somebody's password by now",
        ),
        (
            "GH-SECRET-ENCRYPTS",
            "A secret that data is encrypted with would change",
            "what the service stored with the old one could not be read any more",
            "take it out of services_secrets to keep the one that the host has. To change it all the same: "
            "`./gpuhost services.rotate HOST SERVICE NAME --force`; the old one is kept in a backup on the host",
        ),
    ),
    *stopping(
        ExitCode.STEP_FAILED,
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
            "GH-IMAGE-ARCH",
            "An image for another processor",
            "no program in it could start here",
            "have the registry or mirror that the message names hold the image for this host's processor; "
            "the one that came is removed again",
        ),
        (
            "GH-BUILD-FAILED",
            "An image could not be built",
            "its container cannot start",
            "the build's output is in the log; most often a package index was not reached from the build",
        ),
        (
            "GH-DOWNLOAD-FAILED",
            "A program could not be fetched",
            "what is to run it cannot start; the part that came is kept, and the next run goes on there",
            "check that the host reaches the address that the message names, or point the variable for it to your mirror",
        ),
        (
            "GH-UNPACK-FAILED",
            "A program's archive could not be unpacked",
            "it came as pinned, and this host cannot read it",
            "see the line above: a package that unpacks such archives may be missing or broken",
        ),
        (
            "GH-APP-SETTINGS",
            "An application did not take its settings",
            "it may not reach its models, or let strangers sign up",
            "see what it says for itself (`docker logs`), then run `./gpuhost up` again",
        ),
        (
            "GH-DATA-OWNER",
            "A folder of user data belongs to somebody else",
            "its service could not write there, and gpuhost changes the owner of nobody's data",
            "run the chown that the message names, after a look at what is in there",
        ),
        (
            "GH-BENCH",
            "The model servers could not be timed",
            "there is nothing to compare",
            "both Ollama and llama.cpp have to run on the host: services_enabled; `./gpuhost verify` shows what is wrong",
        ),
        (
            "GH-CONTAINER-UNHEALTHY",
            "A container does not become healthy",
            "its service does not answer as it should",
            "`./gpuhost services logs` shows its last lines; what takes longer by nature: raise services_healthy_timeout",
        ),
        (
            "GH-SERVICE-UNHEALTHY",
            "A service of the host itself does not come to answer",
            "it does not say what it says when it works",
            "`journalctl -u` with the unit that the message names shows its words",
        ),
    ),
    *stopping(
        ExitCode.INTEGRITY,
        (
            "GH-DIGEST",
            "Something fetched is not what was pinned",
            "it was changed on the way or at its source",
            "compare with the maker's published digest; change the pin in support/ only when it matches",
        ),
    ),
    *warnings(
        (
            "GH-SCRAPING-OPEN",
            "A service reads web pages at a price",
            "pages that somebody else wrote are opened there",
            "services_anythingllm_scraping: sandboxed does the same at a lower one; docs/security.md compares them",
        ),
        (
            "GH-GATEWAY-ADDRESS",
            "Not every address of the gateway can have its certificate shown",
            "who comes by an address names none in the handshake and gets the certificate of the first one: browsers warn "
            "at the others",
            "have people come by a name, or leave one address in gateway_names",
        ),
    ),
    *notes(
        (
            "GH-CONTAINER-HOST",
            "The host is itself a container",
            "it shares its kernel: drivers are its host's business",
            "nothing to do",
        ),
        (
            "GH-ENGINE-OLD",
            "A container engine older than 28",
            "machines of the same network segment can reach what a container publishes on 127.0.0.1 (moby#45610); rules of "
            "gpuhost's own prevent it for its containers, and for no others",
            "nothing for gpuhost's services; for others keep the host behind a firewall, or install a newer engine",
        ),
    ),
)
