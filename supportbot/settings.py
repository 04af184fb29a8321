"""All settings, in one place. The environment (or `.env` beside manage.py) is read loudly; `.env.example` lists it."""

import os
import secrets
import warnings
from datetime import timedelta
from pathlib import Path

import dj_database_url
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from supportbot import embedded
from supportbot.env import (
    env_bool,
    env_choice,
    env_float,
    env_int,
    env_list,
    env_networks,
    env_path,
    env_place,
    env_site,
    env_str,
    env_table,
    host_of,
    load_dotenv,
)

BASE_DIR = Path(__file__).resolve().parent.parent
load_dotenv(BASE_DIR / ".env")


def made_once(path: Path) -> str:
    """The secret in a file of the data folder, made for this installation at the first start (mode 0600)."""
    try:
        embedded.make_data_dir(path.parent)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    except embedded.EmbeddedError as error:
        raise ImproperlyConfigured(str(error)) from None
    except OSError as error:
        raise ImproperlyConfigured(
            f"{path} cannot be written ({error.strerror}): set SECRET_KEY, or DATA_DIR to a folder that can"
        ) from None
    secret = secrets.token_urlsafe(50)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret)
    return secret


# --- Where things are -----------------------------------------------------------------------------------------------
DATA_DIR: Path = env_path("DATA_DIR", None) or embedded.default_data_dir(BASE_DIR)
RUN_DIR: Path = embedded.run_dir_for(DATA_DIR)
HOST = env_str("HOST", "127.0.0.1")
PORT = env_int("PORT", 8000, least=1, most=65535)
PUBLIC_URL = env_site("PUBLIC_URL")
ADMIN_PATH = env_place("ADMIN_PATH", "admin/")

# --- Safety ---------------------------------------------------------------------------------------------------------
DEBUG = env_bool("DEBUG")
SECRET_KEY = env_str("SECRET_KEY") or made_once(DATA_DIR / "secret-key")
HTTPS = PUBLIC_URL.startswith("https://")
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
if HOST not in ("0.0.0.0", "::"):  # nosec B104 # asked, not bound
    ALLOWED_HOSTS.append(f"[{HOST}]" if ":" in HOST else HOST)
if PUBLIC_URL:
    ALLOWED_HOSTS.append(host_of(PUBLIC_URL))
    CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
TRUSTED_PROXIES = env_networks("TRUSTED_PROXIES", "local")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = (
    ("__Host-sessionid", "__Host-csrftoken") if HTTPS else ("sessionid", "csrftoken")
)
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True  # scripts take the CSRF token from the page's form
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = env_int("STAFF_SESSION_HOURS", 12, least=1, most=720) * 3600
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
PERMISSIONS_POLICY = ", ".join(
    f"{power}=()"
    for power in (
        "accelerometer", "bluetooth", "camera", "display-capture", "geolocation", "gyroscope", "hid", "magnetometer",
        "microphone", "midi", "payment", "serial", "usb",
    )
)  # fmt: skip
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024  # an article's body is at most 200,000 characters
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],  # what is not named below is not loaded
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "manifest-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- Staff: how they sign in, and what is written down of them -------------------------------------------------------
LOOPBACK = {"127.0.0.1", "localhost", "[::1]", "::1"}
IS_DEMO = not PUBLIC_URL and HOST in LOOPBACK and LOOPBACK.issuperset(ALLOWED_HOSTS)  # nobody else can reach it
STAFF_TWO_FACTOR = env_choice("STAFF_TWO_FACTOR", "auto", "required", "optional")
TWO_FACTOR_REQUIRED = STAFF_TWO_FACTOR == "required" or (STAFF_TWO_FACTOR == "auto" and not IS_DEMO)
OTP_TOTP_ISSUER = PUBLIC_URL.split("://", 1)[-1] or "Supportbot"
STAFF_FAILURES = env_int("STAFF_FAILURES", 5, least=1, most=100)
STAFF_ADDRESS_FAILURES = env_int("STAFF_ADDRESS_FAILURES", 50, least=1, most=10_000)
STAFF_LOCK_MINUTES = env_int("STAFF_LOCK_MINUTES", 15, least=1, most=1440)
AUDIT_KEEP_DAYS = env_int("AUDIT_KEEP_DAYS", 400, least=30, most=36_500)
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = STAFF_FAILURES
AXES_COOLOFF_TIME = timedelta(minutes=STAFF_LOCK_MINUTES)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]  # not the name alone: anybody could shut it for its owner
AXES_CLIENT_IP_CALLABLE = "supportbot.addresses.counted_of_request"
AXES_LOCKOUT_CALLABLE = "supportbot.lockout.answer"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # who waits gets in, whatever a script goes on trying
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code"]
AXES_DISABLE_ACCESS_LOG = True  # supportbot.audit writes it
AXES_ENABLE_ADMIN = AXES_VERBOSE = False

# --- The application ------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "supportbot.admin_app.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "csp",
    "channels",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "supportbot",
    "knowledge",
    "chat",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "supportbot.headers.permissions_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "supportbot.two_factor.Required",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",  # the last: it puts the shut door's page in place of an answer
]
ROOT_URLCONF = "supportbot.urls"
ASGI_APPLICATION = "supportbot.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LANGUAGE_CODE = "en"
TIME_ZONE = env_str("TIME_ZONE", "UTC")
USE_TZ = USE_I18N = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
warnings.filterwarnings("ignore", "No directory at", UserWarning)  # nothing was collected: whitenoise's files are these
WHITENOISE_USE_FINDERS = True  # no collectstatic step between a change and the browser; production may still collect

# --- PostgreSQL, the only truth -------------------------------------------------------------------------------------
EMBEDDED_POSTGRES = not env_str("DATABASE_URL")
DATABASE_URL = env_str("DATABASE_URL", embedded.database_url(RUN_DIR))
try:
    DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_health_checks=True)}
except (ValueError, KeyError):
    raise ImproperlyConfigured("DATABASE_URL is not of the form postgres://user:password@host:5432/name") from None
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL server: postgres://user:password@host:5432/name")
DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
    "min_size": 0,
    "max_size": env_int("DATABASE_POOL", 12, least=2, most=200),
    "timeout": 10,
}
# Django's pool hands a connection back after each request; search settings are set on the connection, since
# SET LOCAL does nothing outside a transaction (pgvector >= 0.8: iterative scans find k rows behind a filter).
# The tables are in memory and a page read by an index costs little more than one in a row; with PostgreSQL's own guess
# the words of a question are looked for in every passage. One search takes one core.
SEARCH_OPTIONS = (
    "-c hnsw.iterative_scan=relaxed_order -c hnsw.ef_search=200"
    " -c random_page_cost=1.1 -c max_parallel_workers_per_gather=0"
)
DATABASES["default"]["OPTIONS"]["options"] = (
    f"{DATABASES['default']['OPTIONS'].get('options', '')} {SEARCH_OPTIONS}".strip()
)

# --- Redis or Valkey: frames for replay, the doorbell, limits, Celery's broker. May be emptied at any moment. --------
EMBEDDED_VALKEY = not env_str("REDIS_URL")
REDIS_URL = env_str("REDIS_URL", embedded.redis_url(RUN_DIR))
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "hosts": [{"address": REDIS_URL, "socket_timeout": 5, "socket_connect_timeout": 2}],
            "prefix": "supportbot",
        },
    }
}

# --- Celery: hints that make it fast; the sweeps make it certain ----------------------------------------------------
SWEEP_SECONDS = env_int("SWEEP_SECONDS", 3, least=1, most=3600)
CELERY_BROKER_URL = (
    "redis+socket://" + REDIS_URL.removeprefix("unix://").replace("?db=", "?virtual_host=")
    if REDIS_URL.startswith("unix:")
    else REDIS_URL
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 10,
    "socket_connect_timeout": 2,
    "health_check_interval": 10,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "embed"
HEARTBEAT_SECONDS = 10
CELERY_TASK_ROUTES = {
    "supportbot.tasks.watch": {"queue": "sweep"},
    "supportbot.tasks.forget_old": {"queue": "sweep"},
    "knowledge.tasks.sweep": {"queue": "sweep"},
    "knowledge.space_tasks.build_spaces": {"queue": "sweep"},
    "chat.tasks.sweep": {"queue": "sweep"},
    "knowledge.import_tasks.sweep": {"queue": "sweep"},
    "knowledge.import_tasks.carry_out": {"queue": "import"},
    "knowledge.finding_tasks.*": {"queue": "sweep"},
    "knowledge.bulk_tasks.*": {"queue": "sweep"},
    "chat.tasks.*": {"queue": "chat"},
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BEAT_SCHEDULE = {
    "embed what is stale": {
        "task": "knowledge.tasks.sweep",
        "schedule": SWEEP_SECONDS,
        "options": {"expires": 2 * SWEEP_SECONDS},
    },
    "build spaces": {
        "task": "knowledge.space_tasks.build_spaces",
        "schedule": SWEEP_SECONDS,
        "options": {"expires": 2 * SWEEP_SECONDS},
    },
    "finish what was left": {
        "task": "chat.tasks.sweep",
        "schedule": SWEEP_SECONDS,
        "options": {"expires": 2 * SWEEP_SECONDS},
    },
    "look at what changed": {
        "task": "knowledge.finding_tasks.sweep",
        "schedule": max(10, SWEEP_SECONDS),
        "options": {"expires": 2 * max(10, SWEEP_SECONDS)},
    },
    "go on with changes of many": {
        "task": "knowledge.bulk_tasks.sweep",
        "schedule": max(10, SWEEP_SECONDS),
        "options": {"expires": 2 * max(10, SWEEP_SECONDS)},
    },
    "go on with imports": {
        "task": "knowledge.import_tasks.sweep",
        "schedule": max(10, SWEEP_SECONDS),
        "options": {"expires": 2 * max(10, SWEEP_SECONDS)},
    },
}
for _queue in ("embed", "chat", "sweep", "import"):  # each shows that a worker ends its tasks
    CELERY_BEAT_SCHEDULE[f"heartbeat of {_queue}"] = {
        "task": "supportbot.tasks.heartbeat",
        "schedule": HEARTBEAT_SECONDS,
        "options": {"queue": _queue, "expires": 3 * HEARTBEAT_SECONDS},
    }
CELERY_BEAT_SCHEDULE["watch all parts"] = {
    "task": "supportbot.tasks.watch",
    "schedule": 2 * HEARTBEAT_SECONDS,
    "options": {"expires": 2 * HEARTBEAT_SECONDS},
}
CELERY_BEAT_SCHEDULE["forget what has had its time"] = {
    "task": "supportbot.tasks.forget_old",
    "schedule": 6 * 3600,
    "options": {"expires": 6 * 3600},
}
CELERY_TIMEZONE = TIME_ZONE

# --- The model server, or any OpenAI-compatible one -----------------------------------------------------------------
MODEL_URL = env_str("MODEL_URL", f"unix:{RUN_DIR / 'model.sock'}")
MODEL_CONTINUES = env_bool("MODEL_CONTINUES", MODEL_URL.startswith("unix:"))  # our own server does
EMBEDDING_URL = env_str("EMBEDDING_URL", MODEL_URL)
MODEL_API_KEY = env_str("MODEL_API_KEY")
EMBEDDING_API_KEY = env_str("EMBEDDING_API_KEY", MODEL_API_KEY)
EMBEDDING_SERVERS = env_table("EMBEDDING_SERVERS")
EMBEDDING_SERVER_KEYS = env_table("EMBEDDING_SERVER_KEYS")
BASE_MODEL = env_str("BASE_MODEL", "smollm2-135m-instruct")
CHAT_MODEL = env_str("CHAT_MODEL", "support-v1")
EMBEDDING_MODEL = env_str("EMBEDDING_MODEL", "all-minilm-l6-v2")
EMBEDDING_DIMENSIONS = env_int("EMBEDDING_DIMENSIONS", 384, least=1, most=4000)  # HNSW over halfvec takes 4,000
EMBEDDING_QUERY_PREFIX = os.environ.get("EMBEDDING_QUERY_PREFIX", "")  # not stripped: a space at its end counts
EMBEDDING_PASSAGE_PREFIX = os.environ.get("EMBEDDING_PASSAGE_PREFIX", "")
EMBEDDING_PASSAGE_TOKENS = env_int("EMBEDDING_PASSAGE_TOKENS", 200, least=32, most=460)
RERANK_URL = env_str("RERANK_URL", EMBEDDING_URL)
RERANK_API_KEY = env_str("RERANK_API_KEY", EMBEDDING_API_KEY)
RERANK_MODEL = env_str("RERANK_MODEL", "all-minilm-l6-v2")
RERANK_PASSAGES = env_int("RERANK_PASSAGES", 3, most=32)  # 0: the order of the search stays as it is
RERANK_LANGUAGES = env_list("RERANK_LANGUAGES", "en")  # of the passages that RERANK_MODEL can read, or all
RERANK_SECONDS = env_float("RERANK_SECONDS", 0.6, least=0.05, most=60)  # later than this, the order stays as it is
GENERATOR_WEIGHTS = env_path("GENERATOR_WEIGHTS", None)
ENCODER_WEIGHTS = env_path("ENCODER_WEIGHTS", None)
ENCODERS_DIR = DATA_DIR / "encoders"
ADAPTER_DIRS = [BASE_DIR / "chat" / "tuning" / "shipped", DATA_DIR / "adapters"]
PROMPT_VERSION = "chat.prompts.PROMPT_VERSION"  # where it stands: an adapter that was trained for another is refused
MODEL_THREADS = env_int("MODEL_THREADS", os.cpu_count() or 1, least=1, most=256)
MODEL_WEIGHTS = env_choice("MODEL_WEIGHTS", "auto", "bf16", "int8", "fp32")
MODEL_DEVICE = env_choice("MODEL_DEVICE", "cpu", "cuda")
MODEL_MAX_BATCH = env_int("MODEL_MAX_BATCH", 8, least=1, most=64)
MODEL_MAX_WAITING = env_int("MODEL_MAX_WAITING", 256, least=1, most=10_000)

# --- Imports of articles: what staff may send, and what of the server's own they may read ----------------------------
IMPORT_UPLOAD_MB = env_int("IMPORT_UPLOAD_MB", 200, least=1, most=2000)
IMPORT_KEEP_DAYS = env_int("IMPORT_KEEP_DAYS", 30, least=1, most=3650)
IMPORT_NETWORKS = env_list("IMPORT_NETWORKS")
IMPORT_FOLDERS = [Path(folder) for folder in env_list("IMPORT_FOLDERS")]

# --- Help pages: what one address may ask for in a minute -----------------------------------------------------------
HELP_SEARCHES_PER_MINUTE = env_int("HELP_SEARCHES_PER_MINUTE", 60, least=1)
HELP_VOTES_PER_MINUTE = env_int("HELP_VOTES_PER_MINUTE", 20, least=1)

# --- Chat: every limit has a name -----------------------------------------------------------------------------------
CHAT_MAX_QUESTION_CHARS = env_int("CHAT_MAX_QUESTION_CHARS", 2000, least=10, most=20_000)
CHAT_QUESTIONS_PER_MINUTE = env_int("CHAT_QUESTIONS_PER_MINUTE", 20, least=1)
CHAT_ADDRESS_QUESTIONS_PER_MINUTE = env_int("CHAT_ADDRESS_QUESTIONS_PER_MINUTE", 600, least=1)
CHAT_WIDGET_QUESTIONS_PER_MINUTE = env_int("CHAT_WIDGET_QUESTIONS_PER_MINUTE", 3000, least=1)
CHAT_FRAMES_PER_MINUTE = env_int("CHAT_FRAMES_PER_MINUTE", 600, least=60)
CHAT_DEEDS_PER_MINUTE = env_int("CHAT_DEEDS_PER_MINUTE", 600, least=10)
CHAT_LISTS_PER_MINUTE = env_int("CHAT_LISTS_PER_MINUTE", 30, least=1)
CHAT_SOCKETS_PER_ADDRESS = env_int("CHAT_SOCKETS_PER_ADDRESS", 2000, least=1)
CHAT_BAD_FRAMES_PER_MINUTE = env_int("CHAT_BAD_FRAMES_PER_MINUTE", 120, least=10)
CHAT_PASSAGES = env_int("CHAT_PASSAGES", 3, least=1, most=10)
CHAT_MAX_ANSWER_TOKENS = env_int("CHAT_MAX_ANSWER_TOKENS", 160, least=16, most=2000)
CHAT_FIRST_TOKEN_SECONDS = env_float("CHAT_FIRST_TOKEN_SECONDS", 15, least=0.1)
CHAT_ANSWER_SECONDS = env_float("CHAT_ANSWER_SECONDS", 60, least=1)
CHAT_LEASE_SECONDS = env_float("CHAT_LEASE_SECONDS", 10, least=2)
CHAT_GRACE_SECONDS = env_float("CHAT_GRACE_SECONDS", 30)
CHAT_MOST_WAITING = env_int("CHAT_MOST_WAITING", 64, most=10_000)
CHAT_SEND_SECONDS = env_float("CHAT_SEND_SECONDS", 10, least=0.1, most=300)
CHAT_UNSENT_FRAMES = env_int("CHAT_UNSENT_FRAMES", 256, least=8, most=10_000)
CHAT_PING_SECONDS = env_int("CHAT_PING_SECONDS", 20, least=5, most=50)
CHAT_DRAIN_SECONDS = env_float("CHAT_DRAIN_SECONDS", 8, most=600)
CHAT_ANSWERABLE_FLOOR = env_float("CHAT_ANSWERABLE_FLOOR", 0.4, least=0, most=1)
CHAT_EXTRACT_FLOOR = env_float("CHAT_EXTRACT_FLOOR", 0.7, least=0, most=1)
CHAT_SUPPORT_FLOOR = env_float("CHAT_SUPPORT_FLOOR", 0.3, least=0, most=1)
CHAT_CHOICE_FLOOR = env_float("CHAT_CHOICE_FLOOR", 0.8, least=0, most=2)
CHAT_MOST_WRONG_PERCENT = env_float("CHAT_MOST_WRONG_PERCENT", 0, least=0, most=100)  # 0: the floors as they are
TOKEN_DAYS = env_int("TOKEN_DAYS", 90, least=1, most=3650)
KNOWN_TOKEN_HOURS = env_int("KNOWN_TOKEN_HOURS", 24, least=1, most=8760)

LOGGING_CONFIG = "supportbot.log.configure"
LOGGING = {"version": 1}  # Django calls the line above only if this is not empty
LOG_LEVEL = env_str("LOG_LEVEL", "INFO").upper()
METRICS_TOKEN = env_str("METRICS_TOKEN")  # empty: /metrics is for this machine alone
