"""Settings: the only reader of the environment. Secrets stay out of repr, and production refuses weak ones."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from marketplace.core import failpoints

MODES = ("production", "demo", "test")


class SettingsError(RuntimeError):
    """The environment does not make a usable configuration; the message names the variable and the mend."""


@dataclass(frozen=True)
class Settings:
    """Everything that differs between one installation and another."""

    mode: str = "production"
    database_url: str = field(default="", repr=False)
    admin_database_url: str = field(default="", repr=False)
    redis_url: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    secret_key_fallbacks: tuple[str, ...] = field(default=(), repr=False)
    token_keys: tuple[tuple[int, bytes], ...] = field(default=(), repr=False)
    base_url: str = "http://127.0.0.1:8000"
    edge_url: str = "http://127.0.0.1:8001"
    segments_dir: str = ""
    edge_slot: str = "edge"
    edge_durability: str = "process"
    smtp: str = ""
    mail_from: str = "Aanrader <post@aanrader.example>"
    stripe_api_key: str = field(default="", repr=False)
    stripe_api_base: str = ""
    stripe_webhook_secret_account: str = field(default="", repr=False)
    stripe_webhook_secret_connect: str = field(default="", repr=False)
    fetch_hosts: Mapping[str, str] = field(default_factory=dict)
    dns_server: str = ""
    http_targets_allowed: bool = False
    trusted_proxies: int = 0
    extra_hosts: tuple[str, ...] = ()
    debug: bool = False
    password_app: str = field(default="", repr=False)
    password_worker: str = field(default="", repr=False)
    password_edge: str = field(default="", repr=False)
    failpoint: str = ""

    @property
    def is_production(self) -> bool:
        """Tell whether this serves real people with real money."""
        return self.mode == "production"

    @property
    def clock_moves(self) -> bool:
        """Tell whether business time may be ahead of the wall (demo and test only)."""
        return self.mode in ("demo", "test")

    @property
    def trusted_hosts(self) -> list[str]:
        """Return the names that a request may give as Host: those of our own addresses, and those that were added."""
        own = [urlsplit(address).hostname or "" for address in (self.base_url, self.edge_url)]
        loopback = [] if self.is_production else ["localhost", "127.0.0.1"]
        return sorted({*filter(None, own), *self.extra_hosts, *loopback})


def _token_keys(text: str) -> tuple[tuple[int, bytes], ...]:
    keys = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        number, _, secret = part.partition(":")
        if not number.isdigit() or not 0 <= int(number) <= 255 or len(secret) != 64:
            raise SettingsError("AANRADER_TOKEN_KEYS wants NUMBER:64-HEX-DIGITS, separated by commas.")
        keys.append((int(number), bytes.fromhex(secret)))
    return tuple(keys)


def _hops(text: str) -> int:
    if not re.fullmatch(r"[0-9]", text, re.ASCII):
        raise SettingsError(
            "AANRADER_TRUSTED_PROXIES wants how many proxies of yours stand in front: 0 to 9."
        )
    return int(text)


def _dns_server(text: str) -> str:
    if text and not re.fullmatch(r"[0-9.]{7,15}:[0-9]{1,5}|[0-9a-f:]{2,39}:[0-9]{1,5}", text, re.ASCII):
        raise SettingsError("AANRADER_DNS wants the address and port of a resolver, such as 127.0.0.1:53.")
    return text


def _fetch_hosts(text: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in text.split(",") if part.strip())
    return {host.lower(): address for host, _, address in pairs}


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment (or from the mapping given).

    Raises SettingsError when production would start with a missing or short secret, or a mode is unknown.
    """
    env = os.environ if environment is None else environment

    def text(name: str, default: str = "") -> str:
        return env.get(name, default).strip()

    settings = Settings(
        mode=text("AANRADER_MODE", "production"),
        database_url=text("DATABASE_URL"),
        admin_database_url=text("AANRADER_ADMIN_DATABASE_URL"),
        redis_url=text("REDIS_URL"),
        secret_key=text("AANRADER_SECRET_KEY"),
        secret_key_fallbacks=tuple(filter(None, text("AANRADER_SECRET_KEY_FALLBACKS").split(","))),
        token_keys=_token_keys(text("AANRADER_TOKEN_KEYS")),
        base_url=text("AANRADER_BASE_URL", Settings.base_url).rstrip("/"),
        edge_url=text("AANRADER_EDGE_URL", Settings.edge_url).rstrip("/"),
        segments_dir=text("AANRADER_SEGMENTS_DIR"),
        edge_slot=text("AANRADER_EDGE_SLOT", "edge"),
        edge_durability=text("AANRADER_EDGE_DURABILITY", "process"),
        smtp=text("AANRADER_SMTP"),
        mail_from=text("AANRADER_MAIL_FROM", Settings.mail_from),
        stripe_api_key=text("STRIPE_API_KEY"),
        stripe_api_base=text("STRIPE_API_BASE"),
        stripe_webhook_secret_account=text("STRIPE_WEBHOOK_SECRET_ACCOUNT"),
        stripe_webhook_secret_connect=text("STRIPE_WEBHOOK_SECRET_CONNECT"),
        fetch_hosts=_fetch_hosts(text("AANRADER_FETCH_HOSTS")),
        dns_server=_dns_server(text("AANRADER_DNS")),
        http_targets_allowed=text("AANRADER_HTTP_TARGETS") == "1",
        trusted_proxies=_hops(text("AANRADER_TRUSTED_PROXIES", "0")),
        extra_hosts=tuple(filter(None, (host.strip() for host in text("AANRADER_EXTRA_HOSTS").split(",")))),
        debug=text("FLASK_DEBUG").lower() not in ("", "0", "false", "no"),
        password_app=text("AANRADER_PASSWORD_APP"),
        password_worker=text("AANRADER_PASSWORD_WORKER"),
        password_edge=text("AANRADER_PASSWORD_EDGE"),
        failpoint=text("AANRADER_FAILPOINT"),
    )
    _refuse_weak(settings)
    return settings


def _refuse_weak(settings: Settings) -> None:
    if settings.mode not in MODES:
        raise SettingsError(f"AANRADER_MODE is {settings.mode!r}; it must be one of {', '.join(MODES)}.")
    if settings.edge_durability not in ("process", "disk"):
        raise SettingsError("AANRADER_EDGE_DURABILITY must be process or disk.")
    if settings.is_production and settings.fetch_hosts:
        raise SettingsError("AANRADER_FETCH_HOSTS maps names to this machine; it is for demo and test only.")
    if settings.is_production and settings.http_targets_allowed:
        raise SettingsError("AANRADER_HTTP_TARGETS is for demo and test only.")
    if settings.is_production and settings.failpoint:
        raise SettingsError("AANRADER_FAILPOINT ends this process on purpose; it is for demo and test only.")
    if settings.is_production and settings.debug:
        raise SettingsError("FLASK_DEBUG shows strangers our code and secrets; it can't be on in production.")


def refuse_without_keys(settings: Settings) -> None:
    """Raise SettingsError unless the keys that sign sessions and clicks are there, and can be random."""
    for secret in (settings.secret_key, *settings.secret_key_fallbacks):
        if not _is_secret(secret):
            raise SettingsError("AANRADER_SECRET_KEY must be set to at least 32 random characters.")
    if not settings.token_keys or not all(len(set(key)) >= _FEWEST_BYTES for _, key in settings.token_keys):
        raise SettingsError("AANRADER_TOKEN_KEYS must hold random keys, at least one, as 1:64-HEX-DIGITS.")


def refuse_without_secrets(settings: Settings) -> None:
    """Raise SettingsError unless a web process may start with these settings."""
    refuse_without_keys(settings)
    if not settings.database_url:
        raise SettingsError("DATABASE_URL must name the PostgreSQL database.")
    if not settings.is_production:
        return
    if settings.debug:
        raise SettingsError("FLASK_DEBUG shows strangers our code and secrets; it can't be on in production.")
    if not settings.base_url.startswith("https://"):
        raise SettingsError("AANRADER_BASE_URL must be https: sign-ins would travel in the open.")
    if not settings.redis_url:
        raise SettingsError("REDIS_URL must name the Valkey in which tries to sign in are counted.")


# 32 random bytes hold fewer than 16 different ones less often than once in a million million draws.
_FEWEST_BYTES = 16
_FEWEST_CHARACTERS = 10
_PLACEHOLDERS = (
    "change",
    "secret",
    "example",
    "default",
    "insecure",
    "password",
    "placeholder",
    "your-",
    "12345678",
)


def _is_secret(text: str) -> bool:
    """Tell whether a text can be a random key: long enough, not of few characters, not a word of some manual."""
    return (
        len(text) >= 32
        and len(set(text)) >= _FEWEST_CHARACTERS
        and not any(word in text.lower() for word in _PLACEHOLDERS)
    )


_current: list[Settings] = []


def current() -> Settings:
    """Return the settings of this process, read once."""
    if not _current:
        use(load())
    return _current[0]


def use(settings: Settings) -> None:
    """Make these the settings of this process; tests and embedded servers start this way.

    Raises SettingsError when they arm a failpoint in production, or one that can't be read.
    """
    if settings.failpoint:
        _refuse_weak(settings)
        try:
            failpoints.arm(settings.failpoint)
        except failpoints.NotAFailpoint as error:
            raise SettingsError(f"AANRADER_FAILPOINT: {error}") from error
    _current[:] = [settings]
