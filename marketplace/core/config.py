"""Settings: the only reader of the environment. Secrets stay out of repr, and production refuses weak ones."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

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
    mail_from: str = "Aanrader <no-reply@aanrader.example>"
    stripe_api_key: str = field(default="", repr=False)
    stripe_api_base: str = ""
    stripe_webhook_secret_account: str = field(default="", repr=False)
    stripe_webhook_secret_connect: str = field(default="", repr=False)
    fetch_hosts: Mapping[str, str] = field(default_factory=dict)
    http_targets_allowed: bool = False
    password_app: str = field(default="", repr=False)
    password_worker: str = field(default="", repr=False)
    password_edge: str = field(default="", repr=False)

    @property
    def is_production(self) -> bool:
        """Tell whether this serves real people with real money."""
        return self.mode == "production"

    @property
    def clock_moves(self) -> bool:
        """Tell whether business time may be ahead of the wall (demo and test only)."""
        return self.mode in ("demo", "test")


def _token_keys(text: str) -> tuple[tuple[int, bytes], ...]:
    keys = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        number, _, secret = part.partition(":")
        if not number.isdigit() or not 0 <= int(number) <= 255 or len(secret) != 64:
            raise SettingsError("AANRADER_TOKEN_KEYS wants NUMBER:64-HEX-DIGITS, separated by commas.")
        keys.append((int(number), bytes.fromhex(secret)))
    return tuple(keys)


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
        http_targets_allowed=text("AANRADER_HTTP_TARGETS") == "1",
        password_app=text("AANRADER_PASSWORD_APP"),
        password_worker=text("AANRADER_PASSWORD_WORKER"),
        password_edge=text("AANRADER_PASSWORD_EDGE"),
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


def refuse_without_secrets(settings: Settings) -> None:
    """Raise SettingsError unless a web process may start with these settings."""
    if len(settings.secret_key) < 32:
        raise SettingsError("AANRADER_SECRET_KEY must be set to at least 32 random characters.")
    if not settings.token_keys:
        raise SettingsError("AANRADER_TOKEN_KEYS must hold at least one key, as 1:64-HEX-DIGITS.")
    if not settings.database_url:
        raise SettingsError("DATABASE_URL must name the PostgreSQL database.")


_current: list[Settings] = []


def current() -> Settings:
    """Return the settings of this process, read once."""
    if not _current:
        _current.append(load())
    return _current[0]


def use(settings: Settings) -> None:
    """Make these the settings of this process; tests and embedded servers start this way."""
    _current[:] = [settings]
