"""What was typed into a form that asked for a proof first: kept for ten minutes, for this sign-in, to go on with.

It lies in Valkey, sealed for the sign-in that sent it, under a number drawn at random: only that number travels. No
password and no code is kept, nor a file, nor a form that another site made the browser send. Nothing leans on it:
where it is lost, or Valkey is away, the form is filled in once more.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import secrets
from dataclasses import dataclass

import flask
import structlog
from redis.exceptions import RedisError

from marketplace.accounts import sealing
from marketplace.core import auth, config, jobs
from marketplace.core.actor import Actor

log = structlog.get_logger(__name__)
LASTS = dt.timedelta(minutes=10)
MOST_FIELDS, MOST_LETTERS = 200, 60_000
# What belongs to one sending of a form, and is put in anew.
OWN = frozenset({"csrf_token", "kept"})
# Parts of names of fields whose values are nobody's to keep.
SECRET = ("password", "totp", "recovery", "secret", "token", "code")
_NUMBER = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A form that was sent: where to, what stood in its fields, and the page that it stood on."""

    action: str
    back: str
    fields: tuple[tuple[str, str], ...]


def keep(request: flask.Request, actor: Actor, back: str) -> str:
    """Keep what a form of ours sent, and return the number under which it lies; "" when nothing is kept.

    back: the page that the form stood on.
    """
    if request.method != "POST" or actor.via != "session" or not auth.is_own_form(request, actor):
        return ""
    fields = [
        [name, value]
        for name, values in request.form.lists()
        if name not in OWN and not any(part in name for part in SECRET)
        for value in values
    ]
    told = json.dumps({"action": request.full_path.rstrip("?"), "back": back, "fields": fields})
    if any(request.files.values()) or len(fields) > MOST_FIELDS or len(told) > MOST_LETTERS:
        return ""
    number = secrets.token_urlsafe(16)
    sealed = sealing.seal(told, _context(actor, number), config.current().secret_key)
    try:
        jobs.hurried().set(_name(number), sealed, ex=LASTS)
    except RedisError as error:
        log.warning("unfinished_not_kept", error=repr(error))
        return ""
    return number


def of(actor: Actor, number: str) -> Unfinished | None:
    """Return what was kept for this sign-in under a number; None when it is gone, or another's."""
    if _NUMBER.fullmatch(number) is None or actor.via != "session":
        return None
    settings = config.current()
    try:
        sealed = jobs.hurried().get(_name(number))
    except RedisError as error:
        log.warning("unfinished_not_read", error=repr(error))
        return None
    if sealed is None:
        return None
    keys = (settings.secret_key, *settings.secret_key_fallbacks)
    try:
        text = sealed if isinstance(sealed, str) else sealed.decode()
        told = json.loads(sealing.unseal(text, _context(actor, number), keys))
    except sealing.SealBroken:
        return None
    return Unfinished(told["action"], told["back"], tuple((name, value) for name, value in told["fields"]))


def _name(number: str) -> str:
    return f"aan-unfinished:{number}"


def _context(actor: Actor, number: str) -> str:
    return f"unfinished/{actor.credential_id}/{number}"
