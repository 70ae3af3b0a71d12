"""Between the two steps of a sign-in: a browser whose password was right is asked for its second factor alone.

What is kept stands in the browser's signed cookie for five minutes. It names who it was and which password was right,
as a digest of its hash, so that a new password ends it; without the second factor it opens nothing.
"""

from __future__ import annotations

import datetime as dt
import hmac
from uuid import UUID

import flask

from marketplace.accounts.models import UserAccount
from marketplace.core import clock, ids
from marketplace.core.errors import NotAuthenticated

LASTS = dt.timedelta(minutes=5)
_KEPT = "halfway"


class HalfwayOver(NotAuthenticated):
    """The password was given too long ago, or elsewhere, or is another one now."""

    code = "halfway_over"
    title = "The password is needed once more"
    detail = "It was given more than five minutes ago, or changed meanwhile."
    next = "Sign in with address and password again."


def keep(user: UserAccount) -> None:
    """Remember in this browser that the password of somebody was right."""
    flask.session[_KEPT] = {
        "user": str(user.id),
        "password": ids.digest(user.password_hash).hex(),
        "at": int(clock.wall().timestamp()),
    }


def is_kept() -> bool:
    """Return whether this browser gave a right password within the last five minutes."""
    kept = flask.session.get(_KEPT)
    return kept is not None and 0 <= int(clock.wall().timestamp()) - kept["at"] <= LASTS.total_seconds()


def whose() -> UUID:
    """Return whose password was right. Raises HalfwayOver."""
    if not is_kept():
        forget()
        raise HalfwayOver()
    return UUID(flask.session[_KEPT]["user"])


def is_of(user: UserAccount) -> bool:
    """Return whether the password that was right is still the one of somebody."""
    return hmac.compare_digest(flask.session[_KEPT]["password"], ids.digest(user.password_hash).hex())


def forget() -> None:
    """Keep nothing of it in this browser."""
    flask.session.pop(_KEPT, None)
