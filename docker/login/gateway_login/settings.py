"""Django's settings. What a site decides comes from the gateway's configuration, what is secret from files."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from .sites import DATA, SECRETS, gateway

_GATEWAY = gateway()
_HERE = Path(__file__).parent

SECRET_KEY = (SECRETS / "session_key").read_text(encoding="utf-8").strip()
DEBUG = False
ALLOWED_HOSTS = [*_GATEWAY.names, *(site.host for site in _GATEWAY.sites.values() if site.host), "127.0.0.1"]
ROOT_URLCONF = "gateway_login.urls"
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Name, password, where to go next: nothing is uploaded.
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20
FILE_UPLOAD_HANDLERS: list[str] = []

INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "axes", "gateway_login"]
MIDDLEWARE = [
    "gateway_login.middleware.known_users",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "axes.middleware.AxesMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_HERE / "templates"],
        "OPTIONS": {"context_processors": ["gateway_login.context.common"]},
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "login.sqlite3",
        "OPTIONS": {"timeout": 10, "transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL;"},
    }
}

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "gateway_login.backends.AsWritten"]
# The first is what unknown users are compared with, so that they take as long as known ones.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.BCryptPasswordHasher",
]
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/"

# A name with this prefix is only taken over TLS, and with __Host- never from or for another host.
_PREFIX = "__Secure-" if _GATEWAY.cookie_domain else "__Host-"
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_COOKIE_NAME = f"{_PREFIX}gpuhost"
SESSION_COOKIE_DOMAIN = _GATEWAY.cookie_domain
SESSION_COOKIE_AGE = _GATEWAY.session_hours * 3600
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "__Host-gpuhost-csrf"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_FAILURE_VIEW = "gateway_login.views.stale"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_CONTENT_TYPE_NOSNIFF = False  # the proxy sets these headers, for services too
SECURE_REFERRER_POLICY = None
SECURE_CROSS_ORIGIN_OPENER_POLICY = None

# Who guesses waits: after so many failures nothing more is tried for that user from that address.
AXES_FAILURE_LIMIT = _GATEWAY.attempts
AXES_COOLOFF_TIME = timedelta(minutes=_GATEWAY.pause_minutes)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_HANDLER = "gateway_login.guessing.Handler"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "gateway_login.accounts.address"
AXES_LOCKOUT_CALLABLE = "gateway_login.views.locked"
AXES_SENSITIVE_PARAMETERS: list[str] = []  # the log is for the operator, who needs to see who guesses, and whom
AXES_ENABLE_ADMIN = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"django.request": {"level": "ERROR"}, "axes": {"level": "WARNING"}},
}
