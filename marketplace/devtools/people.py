"""People of a demo or journey: they sign up, verify by mail, sign in, use their second factor and make keys."""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pyotp

from marketplace.core import clock
from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.talk import Caller

_STEP = 30
_MARGIN = 15


@dataclass
class Person:
    """Somebody with a login; `caller` speaks with their token."""

    role: str
    name: str
    email: str
    password: str
    caller: Caller
    totp_secret: str | None = None
    user_id: str | None = None
    shop_id: str | None = None
    adviser_id: str | None = None
    _spent_step: int = field(default=0, repr=False)

    def code(self) -> str:
        """Return a one-time code that was not used yet, waiting for the next one when all near ones were.

        The server takes the step before and after the present one, each once and never backwards.
        """
        if self.totp_secret is None:
            raise DevtoolsError(f"{self.name} has no second factor")
        while True:
            present, into = divmod(int(clock.wall().timestamp()), _STEP)
            # The step before counts only until the present one ends, and the request may take a while.
            oldest = present - 1 if into < _STEP - _MARGIN else present
            step = max(oldest, self._spent_step + 1)
            if step <= present + 1:
                self._spent_step = step
                return pyotp.TOTP(self.totp_secret).at(dt.datetime.fromtimestamp(step * _STEP, dt.UTC))
            time.sleep(0.5)

    def sign_in(self) -> Person:
        """Sign in with password, and the second factor where there is one; returns this person."""
        body = {"email": self.email, "password": self.password}
        if self.totp_secret is not None:
            body["totp"] = self.code()
        token = self.caller.post("accounts/sign-in", body)["token"]
        self.caller = self.caller.as_bearer(token)
        self.learn()
        return self

    def learn(self) -> dict[str, Any]:
        """Ask who this is, and remember the ids."""
        me: dict[str, Any] = self.caller.get("me")
        self.user_id, self.adviser_id = me["user_id"], me["adviser_id"]
        self.shop_id = me["shop_ids"][0] if me["shop_ids"] else None
        return me

    def accept_invitation(self, facts: Mapping[str, Any]) -> None:
        """Accept the invitation that came by mail, and remember the shop."""
        self.caller.post("invitations/accept", {"token": mailed_token(facts, self.email, "invit")})
        self.learn()

    def make_key(self, name: str, **more: Any) -> str:
        """Make an API key and return its text."""
        key: str = self.caller.post("api-keys", {"name": name, **more})["key"]
        return key

    def login(self) -> dict[str, Any]:
        """Return what demo.json says of this person."""
        return {
            "role": self.role,
            "name": self.name,
            "email": self.email,
            "password": self.password,
            "totp_secret": self.totp_secret,
            "user_id": self.user_id,
            "shop_id": self.shop_id,
            "adviser_id": self.adviser_id,
        }


def sign_up(
    facts: Mapping[str, Any], kind: str, name: str, email: str, locale: str = "en", **more: Any
) -> Person:
    """Sign up as shop_owner or adviser, follow the link in the mail, sign in. Returns the person, signed in."""
    caller = Caller(facts["web"])
    person = Person("owner" if kind == "shop_owner" else "adviser", name, email, _password(), caller)
    body = {"kind": kind, "email": email, "name": name, "password": person.password, "locale": locale, **more}
    caller.post("accounts/sign-up", body)
    caller.post("accounts/verify", {"token": mailed_token(facts, email)})
    return person.sign_in()


def hire(run: Callable[..., str], facts: Mapping[str, Any], role: str, name: str, email: str) -> Person:
    """Make a person of finance or admin, as whoever runs the machine does; `run(*argv)` runs a python command."""
    person = of_platform(facts, role, name, email)
    run("-m", "marketplace.devtools", "run", *hiring(person))
    return person.sign_in()


def of_platform(facts: Mapping[str, Any], role: str, name: str, email: str) -> Person:
    """Return somebody of finance or admin who is still to be hired, with password and second factor."""
    return Person(role, name, email, _password(), Caller(facts["web"]), totp_secret=pyotp.random_base32())


def hiring(person: Person) -> list[str]:
    """Return the words of the command that hires somebody of the platform."""
    who = ["create-staff", "--role", person.role, "--email", person.email, "--name", person.name]
    return [*who, "--password", person.password, "--totp-secret", str(person.totp_secret)]


def mailed_token(facts: Mapping[str, Any], email: str, where: str = "", timeout: float = 30.0) -> str:
    """Return the token in the newest mail to an address, in a link with `where` in it, waiting for it.

    Raises DevtoolsError when none comes within `timeout` seconds.
    """
    caller = Caller(facts["web"])
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        for mail in reversed(caller.get(f"{facts['mail']}/messages?to={quote(email)}")):
            tokens = [
                link.split("token=", 1)[1] for link in mail["links"] if "token=" in link and where in link
            ]
            if email in mail["to"] and tokens:
                return str(tokens[0].split("&")[0])
        time.sleep(0.1)
    raise DevtoolsError(f"no mail with a token came to {email} within {timeout:.0f} s")


def _password() -> str:
    return f"demo-{secrets.token_urlsafe(15)}"
