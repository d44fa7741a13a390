"""What was asked for cannot be meant, or has to be agreed to."""

from __future__ import annotations

from control.catalogue.entry import Entry, stopping
from control.exitcodes import ExitCode

ENTRIES: tuple[Entry, ...] = (
    *stopping(
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
            "GH-INPUT-VAULT",
            "Encrypted variables that stay closed",
            "what the site wants stands in them",
            "set ANSIBLE_VAULT_PASSWORD_FILE to a file with the password that only you may read, or run the command on a "
            "terminal: it asks",
        ),
        (
            "GH-INPUT-UNKNOWN-SECRET",
            "A secret that no service has",
            "nobody would ever read it",
            "check the spelling[; the nearest is {near}]",
        ),
        (
            "GH-INPUT-SECRET",
            "A secret that cannot be used",
            "it could be found by trying, or a program would read another one",
            "give a longer one of letters and digits (`openssl rand -hex 24`), or leave it out: one is made on the host",
        ),
        (
            "GH-INPUT-NATIVE",
            "A service that does not run on the host itself",
            "its maker publishes it as a container image alone",
            "take it out of services_native",
        ),
        (
            "GH-INPUT-REMOTE",
            "A provider elsewhere that cannot be used",
            "what people ask would go there in the open, or be refused",
            "give an https address and its key, encrypted with ansible-vault (docs/security.md), or leave both out",
        ),
        (
            "GH-INPUT-UNKNOWN-USER",
            "A user that the host does not have",
            "gpuhost puts users into groups and makes none",
            "make the user on the host, or take the name out of gpu_access_users",
        ),
        (
            "GH-INPUT-NO-MODEL",
            "A service has no model to load",
            "it would not start",
            "name one in services_models or services_llamacpp_model, or take {service} out of services_enabled",
        ),
        (
            "GH-INPUT-SCRAPING",
            "A capability that has to be agreed to",
            "with SYS_ADMIN whoever breaks into that container reaches far into the kernel",
            "set services_anythingllm_sysadmin_acknowledged: true, or services_anythingllm_scraping: sandboxed",
        ),
        (
            "GH-INPUT-PRESET",
            "A preset that cannot be meant",
            "Ollama would refuse it, or pass over what it does not know",
            "correct services_model_presets[; the nearest word is {near}]",
        ),
        (
            "GH-INPUT-MODEL-CACHE",
            "A model cache that is no host of the site",
            "nobody could copy from it",
            "write a host of the inventory into services_model_cache[; the nearest is {near}]",
        ),
        (
            "GH-INPUT-GATEWAY",
            "The gateway cannot be as it is asked for",
            "it would let nobody in, or others than are meant",
            "correct the variable gateway_… that the message is about; roles/gateway/defaults/main.yml says what each means",
        ),
        (
            "GH-INPUT-TIMEOUT",
            "A time to answer that cannot be used",
            "with less, a service that works is never asked and taken back; with more, another gpuhost takes this one for "
            "dead and begins in the middle of its work",
            "set services_healthy_timeout to a number of seconds from 1 to {most}",
        ),
        (
            "GH-INPUT-PORT",
            "A port that cannot be used",
            "every service needs a port of its own between 1 and 65535, and another one behind the gateway",
            "correct services_ports, or gateway_port and gateway_ports",
        ),
    ),
    *stopping(
        ExitCode.NO_HOST,
        (
            "GH-INPUT-EMPTY-GROUP",
            "No host to work on",
            "a run over no host would end as a success that means nothing",
            "add hosts to the group gpuhost in inventory/{site}/hosts.yml, or name some with --host",
        ),
    ),
    *stopping(
        ExitCode.REFUSED,
        (
            "GH-CONFIRM",
            "Something that has to be agreed to",
            "a working driver would be replaced, or the machine that gpuhost runs on rebooted",
            "run the same command with --yes, or set preflight_confirmed in the site, after a look at `./gpuhost plan`",
        ),
    ),
)
