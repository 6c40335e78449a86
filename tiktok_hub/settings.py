"""Django settings, all read from the environment; docs/configuration.md lists what an operator meets."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from celery.schedules import crontab
from csp.constants import NONCE
from django.core.exceptions import ImproperlyConfigured

from tiktok_hub.env import BASE_DIR, data_dir, env, kept_secret
from tiktok_hub.hub.broker import celery_url, socket_url

HUB_DATA_DIR = data_dir()

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY_GIVEN = "SECRET_KEY" in env.ENVIRON
SECRET_KEY = env.str("SECRET_KEY", default="") or kept_secret(HUB_DATA_DIR, "secret_key")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
HUB_PUBLIC_URL = env.str("HUB_PUBLIC_URL", default="").rstrip("/")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[HUB_PUBLIC_URL] if HUB_PUBLIC_URL else [])

# The first key encrypts, all of them decrypt.
HUB_ENCRYPTION_KEYS_GIVEN = "HUB_ENCRYPTION_KEYS" in env.ENVIRON
HUB_ENCRYPTION_KEYS = env.list("HUB_ENCRYPTION_KEYS", default=[]) or [kept_secret(HUB_DATA_DIR, "encryption_key")]

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "axes",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "tiktok_hub",
    "tiktok_hub.tenancy",
    "tiktok_hub.audit",
    "tiktok_hub.api",
    "tiktok_hub.people",
    "destinations",
    "orchestrations",
    "orchestrations.alerts",
    "tiktok_hub.sandboxes",
]

MIDDLEWARE = [
    "tiktok_hub.logs.context.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "tiktok_hub.content_security.ContentSecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tiktok_hub.people.middleware.SessionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "tiktok_hub.acting.ActingMiddleware",
    "tiktok_hub.api.middleware.ApiKeyMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "tiktok_hub.tenancy.middleware.TenantMiddleware",
    "tiktok_hub.people.middleware.DoorMiddleware",
    "tiktok_hub.uploads.BodyLimitMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "tiktok_hub.urls"
TENANT_URLCONF = "tiktok_hub.tenancy.urls"
WSGI_APPLICATION = "tiktok_hub.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "tiktok_hub" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tiktok_hub.people.pages.theme_for_allauth",
            ],
        },
    },
]

# Database: SQLite in the data folder, or what DATABASE_URL says.
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db("DATABASE_URL", default=f"sqlite:///{HUB_DATA_DIR / 'hub.sqlite3'}")
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE and a long timeout: writers queue instead of failing with "database is locked".
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA foreign_keys=ON;",
    }
else:
    DATABASES["default"].setdefault("CONN_MAX_AGE", 60)
    DATABASES["default"].setdefault("CONN_HEALTH_CHECKS", True)
    # Rows that are fetched later would be fetched without the wall's setting, and a pooler could not serve them.
    DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Broker, shared rate limits: an embedded server on a unix socket in the data folder, or what REDIS_URL says.
HUB_EMBEDDED_BROKER = not env.str("REDIS_URL", default="")
REDIS_URL = env.str("REDIS_URL", default="") or socket_url(HUB_DATA_DIR)

CELERY_BROKER_URL = celery_url(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "global_keyprefix": env.str("HUB_BROKER_PREFIX", default="hub:"),
}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
HUB_SWEEP_SECONDS = env.float("HUB_SWEEP_SECONDS", default=5.0)
HUB_TICK_SECONDS = env.float("HUB_TICK_SECONDS", default=10.0)
HUB_STREAM_TICK_SECONDS = env.float("HUB_STREAM_TICK_SECONDS", default=1.0)
HUB_SCHEDULE_GRACE_SECONDS = env.float("HUB_SCHEDULE_GRACE_SECONDS", default=900.0)
HUB_READING_SECONDS = env.float("HUB_READING_SECONDS", default=60.0)
HUB_RETENTION_HOUR = env.int("HUB_RETENTION_HOUR", default=3)
HUB_ALERT_SECONDS = env.float("HUB_ALERT_SECONDS", default=15.0)
HUB_ALERT_GAP_SECONDS = env.float("HUB_ALERT_GAP_SECONDS", default=60.0)
CELERY_BEAT_SCHEDULE = {
    "runs-sweep": {"task": "runs_sweep", "schedule": timedelta(seconds=HUB_SWEEP_SECONDS)},
    "schedules-tick": {"task": "schedules_tick", "schedule": timedelta(seconds=HUB_TICK_SECONDS)},
    "streams-tick": {
        "task": "streams_tick",
        "schedule": timedelta(seconds=HUB_STREAM_TICK_SECONDS),
        "options": {"expires": 10 * HUB_STREAM_TICK_SECONDS},  # looks that were missed need not be made up for
    },
    "audiences-read": {"task": "audiences_read", "schedule": timedelta(seconds=HUB_READING_SECONDS)},
    "alerts-look": {"task": "alerts_look", "schedule": timedelta(seconds=HUB_ALERT_SECONDS)},
    "audit-seal": {"task": "audit_seal", "schedule": timedelta(hours=1)},
    "credentials-check": {"task": "credentials_check", "schedule": timedelta(days=1)},
    "retention": {"task": "retention", "schedule": crontab(minute="20", hour=str(HUB_RETENTION_HOUR % 24))},
}

# Where datasets and the spool lie.
HUB_STORAGE_URL = env.str("HUB_STORAGE_URL", default=f"file://{HUB_DATA_DIR / 'storage'}")
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": urlsplit(HUB_STORAGE_URL).path,
            "base_url": None,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
            "allow_overwrite": True,
        },
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
if DEBUG:
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
FILE_UPLOAD_PERMISSIONS = 0o600
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 10
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
FILE_UPLOAD_TEMP_DIR = HUB_DATA_DIR / "uploads"
FILE_UPLOAD_TEMP_DIR.mkdir(mode=0o700, exist_ok=True)
HUB_WEB_THREADS = env.int("HUB_WEB_THREADS", default=8)
HUB_COLLECT_MAX_BYTES = env.int("HUB_COLLECT_MAX_BYTES", default=5_000_000)
HUB_UPLOAD_MAX_BYTES = env.int("HUB_UPLOAD_MAX_BYTES", default=2 * 1024**3)

# People
AUTH_USER_MODEL = "tenancy.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "tiktok_hub.tenancy.backends.PolicyBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
SESSION_COOKIE_AGE = int(env.float("HUB_SESSION_HOURS", default=12.0) * 3600)
SESSION_SAVE_EVERY_REQUEST = False
PASSWORD_RESET_TIMEOUT = 3600
HUB_INVITATION_DAYS = env.float("HUB_INVITATION_DAYS", default=7.0)

# Too many failures: axes counts them in the database, so that all web processes know.
HUB_LOGIN_FAILURES = env.int("HUB_LOGIN_FAILURES", default=10)
AXES_FAILURE_LIMIT = HUB_LOGIN_FAILURES
AXES_COOLOFF_TIME = timedelta(minutes=env.float("HUB_LOGIN_COOLOFF_MINUTES", default=15.0))
AXES_HANDLER = "tiktok_hub.people.lockout.LockoutHandler"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "ip_address"]
AXES_LOCKOUT_CALLABLE = "tiktok_hub.people.lockout.lockout_response"
AXES_USERNAME_CALLABLE = "tiktok_hub.people.lockout.name_digest"
AXES_CLIENT_IP_CALLABLE = "tiktok_hub.acting.client_ip"
AXES_USERNAME_FORM_FIELD = "username"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

# Second factors and single sign-on: allauth's machinery behind the hub's own pages. Nobody signs up by themselves.
ACCOUNT_ADAPTER = "tiktok_hub.people.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
ACCOUNT_RATE_LIMITS = False
SOCIALACCOUNT_ADAPTER = "tiktok_hub.people.adapters.SignOnAdapter"
MFA_ADAPTER = "tiktok_hub.people.adapters.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "tiktok_hub"
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_FORMS = {
    "authenticate": "tiktok_hub.people.factors.CodeForm",
    "reauthenticate": "tiktok_hub.people.factors.ConfirmCodeForm",
}

# Web
STATIC_URL = "/static/"
STATIC_ROOT = HUB_DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False
HUB_BEHIND_PROXY = env.bool("HUB_BEHIND_PROXY", default=False)
HUB_HTTPS = HUB_PUBLIC_URL.startswith("https://")
# The hub's own servers speak no TLS: with https:// something stands before them, and says what people used.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HUB_BEHIND_PROXY or HUB_HTTPS else None
SECURE_SSL_REDIRECT = env.bool("HUB_SSL_REDIRECT", default=HUB_HTTPS)
SECURE_SSL_HOST = urlsplit(HUB_PUBLIC_URL).netloc if HUB_HTTPS else None
SECURE_REDIRECT_EXEMPT = [r"^(livez|healthz|readyz|metrics)$"]
SECURE_HSTS_SECONDS = env.int("HUB_HSTS_SECONDS", default=30 * 86400) if HUB_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("HUB_HSTS_SUBDOMAINS", default=True)
# Only the owner of a domain can say that all of it is for the preload list, so nobody is told to.
SECURE_HSTS_PRELOAD = env.bool("HUB_HSTS_PRELOAD", default=False)
SILENCED_SYSTEM_CHECKS = ["security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# The prefix makes browsers refuse cookies of these names from other hosts of the domain and from plain http.
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = ("__Host-session", "__Host-csrf") if HUB_HTTPS else ("sessionid", "csrftoken")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HUB_HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
# Lax: people come back from TikTok and from sign-in providers with their session.
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
# For every page; what the theme's frame needs besides is in tiktok_hub.content_security.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'", NONCE],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "upgrade-insecure-requests": HUB_HTTPS,
    }
}
# Addresses that people enter may lead into private networks.
HUB_ALLOW_PRIVATE_URLS = env.bool("HUB_ALLOW_PRIVATE_URLS", default=False)

# E-mail: none where EMAIL_URL is not set.
EMAIL_URL = env.str("EMAIL_URL", default="")
vars().update(
    env.email_url("EMAIL_URL") if EMAIL_URL else {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("HUB_MAIL_FROM", default="tiktok_hub@localhost")

# TikTok
TIKTOK_APP_ID = env.str("TIKTOK_APP_ID", default="")
TIKTOK_APP_SECRET = env.str("TIKTOK_APP_SECRET", default="")
TIKTOK_API_URL = env.str("TIKTOK_API_URL", default="https://business-api.tiktok.com/open_api/v1.3/").rstrip("/") + "/"
TIKTOK_AUTH_URL = env.str("TIKTOK_AUTH_URL", default="https://business-api.tiktok.com/portal/auth")
TIKTOK_API_LEVEL = env.str("TIKTOK_API_LEVEL", default="basic")
TIKTOK_EVENTS_QPS = env.float("TIKTOK_EVENTS_QPS", default=1000.0)
TIKTOK_TIMEOUT_SECONDS = env.float("TIKTOK_TIMEOUT_SECONDS", default=30.0)

# Delivery
HUB_RETRY_SECONDS = [
    float(seconds) for seconds in env.list("HUB_RETRY_SECONDS", default=["5", "30", "120", "300", "900"])
]
HUB_READING_HOURS = [float(hours) for hours in env.list("HUB_READING_HOURS", default=["1", "6", "24", "48"])]
HUB_STREAM_BACKLOG_EVENTS = env.int("HUB_STREAM_BACKLOG_EVENTS", default=1_000_000)
HUB_STREAM_BACKLOG_BYTES = env.int("HUB_STREAM_BACKLOG_BYTES", default=1_000_000_000)
HUB_STREAM_MIN_FREE_BYTES = env.int("HUB_STREAM_MIN_FREE_BYTES", default=500_000_000)
HUB_DELIVERY_CONNECTIONS = env.int("HUB_DELIVERY_CONNECTIONS", default=16)
HUB_LEASE_SECONDS = env.float("HUB_LEASE_SECONDS", default=15.0)
HUB_AUTHORIZATION_DAYS = env.float("HUB_AUTHORIZATION_DAYS", default=7.0)
HUB_LINK_REQUESTS_PER_MINUTE = env.int("HUB_LINK_REQUESTS_PER_MINUTE", default=30)

# How many days things are kept
HUB_RETENTION_SPOOL_DAYS = env.float("HUB_RETENTION_SPOOL_DAYS", default=28.0)
HUB_RETENTION_REJECTS_DAYS = env.float("HUB_RETENTION_REJECTS_DAYS", default=90.0)
HUB_RETENTION_ALERTS_DAYS = env.float("HUB_RETENTION_ALERTS_DAYS", default=90.0)
HUB_RETENTION_RUNS_DAYS = env.float("HUB_RETENTION_RUNS_DAYS", default=400.0)
HUB_RETENTION_STREAMS_DAYS = env.float("HUB_RETENTION_STREAMS_DAYS", default=28.0)
HUB_RETENTION_LINKS_DAYS = env.float("HUB_RETENTION_LINKS_DAYS", default=90.0)

# Queries and preparation
HUB_QUERY_MEMORY = env.str("HUB_QUERY_MEMORY", default="400MB")
HUB_QUERY_THREADS = env.int("HUB_QUERY_THREADS", default=2)
HUB_QUERY_SECONDS = env.float("HUB_QUERY_SECONDS", default=600.0)
HUB_QUERY_TEMP = env.str("HUB_QUERY_TEMP", default="20GB")
HUB_QUERY_ROWS = env.int("HUB_QUERY_ROWS", default=50_000_000)

# Numbers for Prometheus
HUB_METRICS_TOKEN = env.str("HUB_METRICS_TOKEN", default="")
HUB_METRICS_TENANTS = env.bool("HUB_METRICS_TENANTS", default=False)

DEFAULT_EXCEPTION_REPORTER_FILTER = "tiktok_hub.reports.HubReporterFilter"
HUB_LOG_FORMAT = env.str("HUB_LOG_FORMAT", default="line")
if HUB_LOG_FORMAT not in ("line", "json"):
    raise ImproperlyConfigured(f"HUB_LOG_FORMAT is “{HUB_LOG_FORMAT}”. It is line or json.")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "tiktok_hub.logs.formats.LineFormatter"},
        "json": {"()": "tiktok_hub.logs.formats.JsonFormatter"},
    },
    "filters": {"task_errors": {"()": "tiktok_hub.logs.hiding.TaskErrorFilter"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": HUB_LOG_FORMAT, "filters": ["task_errors"]}
    },
    "loggers": {"axes": {"level": "WARNING"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "tiktok_hub",
    "SITE_HEADER": "tiktok_hub",
    "SITE_SYMBOL": "hub",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "tiktok_hub.shell.favicon"}],
    "ENVIRONMENT": "tiktok_hub.shell.environment",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "tiktok_hub.shell.sidebar",
    },
    "SITE_DROPDOWN": "tiktok_hub.shell.tenant_switcher",
    "STYLES": ["tiktok_hub.shell.stylesheet"],
}
