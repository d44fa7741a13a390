"""The door from the network; rows of `test_sentences`."""

from __future__ import annotations

from tests.unit.checks.changes import Row, put

ROWS: list[Row] = [
    (
        "gateway",
        put("gateway", "certificates", "gpu01", "certificate has expired"),
        "gateway.certificate.gpu01",
        "Who comes as gpu01 gets no certificate that this host's own authority vouches for (certificate has expired)",
        "docker logs",
    ),
    (
        "gateway",
        put("gateway", "page", {"status": 200, "location": "", "error": ""}),
        "gateway.page.asks_for_login",
        "does not send people to the login, but answers HTTP 200",
        "gpuhost-gateway-login",
    ),
    (
        "gateway",
        put("gateway", "foreign_host", "status", 302),
        "gateway.host.refused",
        "answers to a name that is not this host's (HTTP 302)",
        "gpuhost up",
    ),
    (
        "gateway",
        put("gateway", "foreign_origin", "status", 200),
        "gateway.origin.refused",
        "takes requests that another site's page sends (HTTP 200)",
        "gpuhost up",
    ),
    (
        "gateway",
        put("gateway", "services", "ollama", "stranger", "status", 200),
        "gateway.ollama.refuses",
        "everybody on the network reaches ollama",
        "gpuhost up",
    ),
    (
        "gateway",
        put("gateway", "services", "jupyter", "stranger", {"status": 0, "location": "", "error": "timed out"}),
        "gateway.jupyter.refuses",
        "answers timed out, and not the refusal (401)",
        "gpuhost up",
    ),
    (
        "gateway",
        put("gateway", "services", "jupyter", "known", "status", 403),
        "gateway.jupyter.opens",
        "18888/api/status answers HTTP 403: nobody can use jupyter from the network",
        "gpuhost up --full",
    ),
    (
        "gateway",
        put("gateway", "services", "jupyter", "known", "status", 502),
        "gateway.jupyter.opens",
        "answers HTTP 502: nobody can use jupyter from the network",
        "docker logs",
    ),
    (
        "gateway",
        put("gateway", "services", "ollama", "closed", "/api/pull", 200),
        "gateway.ollama.closed",
        "Users reach /api/pull of ollama from the network",
        "gpuhost up",
    ),
]
