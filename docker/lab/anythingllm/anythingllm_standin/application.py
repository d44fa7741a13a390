"""What the documented endpoints answer; nothing of HTTP's wire here."""

from __future__ import annotations

import hmac
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import MutableMapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from . import NAME, NOTICE, environment, tokens
from .database import Database

Reply = tuple[int, object]  # status, and a JSON value or text


@dataclass
class Application:
    """One running instance: its folder (`/app/server` in the image), its environment and its database."""

    root: Path
    environ: MutableMapping[str, str]
    database: Database

    def ping(self) -> Reply:
        return 200, {"online": True}

    def onboarding(self) -> Reply:
        return 200, {"onboardingComplete": self.database.onboarded()}

    def env_dump(self) -> Reply:
        """Rewrites `.env`, for whoever asks: the real one has no login here either."""
        environment.dump(self.root / ".env", self.environ)
        return 200, "OK"

    def metrics(self) -> Reply:
        disk = shutil.disk_usage("/")
        return 200, {
            "online": True,
            "version": "--",
            "mode": "single-user",
            "vectorDB": self.environ.get("VECTOR_DB") or "lancedb",
            "storage": {"current": disk.free // 10**9, "capacity": disk.total // 10**9},
            "appVersion": self.environ.get("DEPLOYMENT_VERSION"),
        }

    def setup_complete(self) -> Reply:
        """The settings as documented, secrets only as true or false, of the parts this stand-in has."""
        env = self.environ.get
        provider = env("LLM_PROVIDER")
        return 200, {
            "results": {
                "gpuhost_stand_in": NAME,
                "RequiresAuth": bool(env("AUTH_TOKEN")),
                "AuthToken": bool(env("AUTH_TOKEN")),
                "JWTSecret": bool(env("JWT_SECRET")),
                "StorageDir": env("STORAGE_DIR"),
                "MultiUserMode": False,
                "DisableTelemetry": env("DISABLE_TELEMETRY") or "false",
                "EmbeddingEngine": env("EMBEDDING_ENGINE", "native"),
                "HasExistingEmbeddings": False,
                "EmbeddingBasePath": env("EMBEDDING_BASE_PATH"),
                "EmbeddingModelPref": env("EMBEDDING_MODEL_PREF"),
                "EmbeddingModelMaxChunkLength": env("EMBEDDING_MODEL_MAX_CHUNK_LENGTH"),
                "VectorDB": env("VECTOR_DB"),
                "LLMProvider": provider,
                "LLMModel": env("OLLAMA_MODEL_PREF") if provider == "ollama" else None,
                "OllamaLLMBasePath": env("OLLAMA_BASE_PATH"),
                "OllamaLLMModelPref": env("OLLAMA_MODEL_PREF"),
                "OllamaLLMTokenLimit": env("OLLAMA_MODEL_TOKEN_LIMIT") or None,
                "OllamaLLMAuthToken": bool(env("OLLAMA_AUTH_TOKEN")),
                "WhisperProvider": env("WHISPER_PROVIDER") or "local",
                "TextToSpeechProvider": env("TTS_PROVIDER") or "native",
            }
        }

    def request_token(self, body: dict[str, Any]) -> Reply:
        """A session token for the instance's password."""
        password = self.environ.get("AUTH_TOKEN") or ""
        given = str(body.get("password") or "")
        if not password or not hmac.compare_digest(given.encode(), password.encode()):
            return 401, {"valid": False, "token": None, "message": "[003] Invalid password provided"}
        secret = self.environ.get("JWT_SECRET")
        if not secret:
            raise ValueError("Cannot create JWT as JWT_SECRET is unset.")
        return 200, {"valid": True, "token": tokens.make(secret), "message": None}

    def refused(self, authorization: str) -> Reply | None:
        """Why a request that needs a login is refused, or None; without password and secret nobody is."""
        password, secret = self.environ.get("AUTH_TOKEN"), self.environ.get("JWT_SECRET")
        if not password or not secret:
            return None
        token = authorization.partition(" ")[2]
        if not token:
            return 401, {"error": "No auth token found."}
        return None if tokens.valid(token, secret) else (401, {"error": "Token expired or failed validation."})

    def custom_models(self, body: dict[str, Any]) -> Reply:
        """The models that Ollama has; none, and no error, where it cannot be reached, as with the real one."""
        if body.get("provider") != "ollama":
            return 200, {"models": [], "error": "Invalid provider for custom models"}
        base = body.get("basePath") or self.environ.get("OLLAMA_BASE_PATH") or ""
        if not base.startswith(("http://", "https://")) or base.endswith("/"):
            return 200, {"models": [], "error": "Not a valid URL."}
        token = self.environ.get("OLLAMA_AUTH_TOKEN")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(f"{base}/api/tags", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                models = json.load(response)["models"]
        except (OSError, ValueError) as error:
            print(f"Could not reach Ollama server! {base}: {error}", flush=True)
            models = []
        return 200, {"models": [{"id": model["name"]} for model in models], "error": None}

    def page(self) -> Reply:
        """The page at every address that is not the API's."""
        page = (self.root / "public/index.html").read_text(encoding="utf-8")
        for key in ("LLM_PROVIDER", "OLLAMA_MODEL_PREF", "VECTOR_DB"):
            page = page.replace(f"%{key}%", escape(self.environ.get(key) or "not set"))
        return 200, page.replace("%NOTICE%", escape(NOTICE))
