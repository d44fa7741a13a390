// Keeps the services' state as it is, and shows the key when it is asked for. The page says everything else without it.
"use strict";

const EVERY_MS = 10000;

function show(seen) {
  for (const card of document.querySelectorAll("[data-service]")) {
    const now = (seen.services[card.dataset.service] || {}).state || "unknown";
    const badge = card.querySelector(".state");
    badge.className = `state ${now}`;
    badge.textContent = now;
  }
  const gpus = seen.gpus.map((gpu) => Object.assign(document.createElement("span"), { textContent: gpu }));
  if (gpus.length) document.getElementById("gpus").replaceChildren(...gpus);
  const at = seen.taken_at ? new Date(seen.taken_at * 1000).toLocaleTimeString() : "";
  document.getElementById("seen").textContent = at ? `As seen at ${at}` : "The services' state is not known right now.";
}

async function look() {
  try {
    const answer = await fetch("/state", { headers: { Accept: "application/json" }, redirect: "error" });
    if (answer.ok) show(await answer.json());
  } catch {
    document.getElementById("seen").textContent = "This host does not answer, or you are logged out.";
  }
}

document.getElementById("key").addEventListener("submit", async (event) => {
  event.preventDefault();
  const out = document.getElementById("shown-key");
  try {
    const answer = await fetch("/key", { method: "POST", body: new FormData(event.target) });
    out.textContent = answer.ok ? (await answer.json()).key : "Log in again, please.";
  } catch {
    out.textContent = "This host does not answer.";
  }
});

setInterval(look, EVERY_MS);
look();
