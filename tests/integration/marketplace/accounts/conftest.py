"""A web application with the routes of accounts, on a database of its own, and people who use it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import flask
import pyotp
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from marketplace.accounts import limits, passwords, registration, staff
from marketplace.core import clock, config, db, jobs, mail_sending, views, web
from tests.conftest import Database
from tests.standing import Standing, standing

PASSWORD = "a long sentence about pears"


@dataclass
class Person:
    """Somebody with a token, and what they may send."""

    world: World
    email: str
    token: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str, status: int = 200) -> Any:
        return self.world.call("GET", path, status=status, token=self.token)

    def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        return self.world.call(
            "POST", path, body if body is not None else {}, status=status, token=self.token
        )

    def patch(self, path: str, body: Any, status: int = 200) -> Any:
        return self.world.call("PATCH", path, body, status=status, token=self.token)


@dataclass
class World:
    """The application, and the eyes of somebody who sees every row."""

    app: flask.Flask
    everything: sa.Engine

    def close(self) -> None:
        """Let go of connections."""
        self.everything.dispose()

    def client(self) -> FlaskClient:
        return self.app.test_client(use_cookies=False)

    def call(self, method: str, path: str, body: Any = None, *, status: int = 200, token: str = "") -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = self.client().open(f"/api/v1{path}", method=method, json=body, headers=headers)
        assert answer.status_code == status, (answer.status_code, answer.get_json())
        return answer.get_json()

    def post(self, path: str, body: Any, status: int = 200) -> Any:
        return self.call("POST", path, body, status=status)

    def count(self, table: str) -> int:
        return int(self.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"])

    def rows(self, statement: str, **values: Any) -> list[Any]:
        with self.everything.begin() as connection:
            return list(connection.execute(sa.text(statement), values).mappings())

    def execute(self, statement: str, **values: Any) -> int:
        with self.everything.begin() as connection:
            return connection.execute(sa.text(statement), values).rowcount

    def mails(self, template: str, to: str | None = None) -> list[dict[str, Any]]:
        rows = self.rows("SELECT * FROM mail_message WHERE template = :t ORDER BY id", t=template)
        return [dict(row) for row in rows if to is None or row["to_address"] == to]

    def mailed_token(self, template: str, to: str) -> str:
        return str(self.mails(template, to)[-1]["facts"]["token"])

    def sign_up(self, kind: str = "shop_owner", email: str | None = None, **more: Any) -> Person:
        person = Person(self, email or f"p{secrets.token_hex(5)}@example.org")
        body = {"kind": kind, "email": person.email, "name": "Pear", "password": PASSWORD, **more}
        self.post("/accounts/sign-up", body, status=202)
        self.post("/accounts/verify", {"token": self.mailed_token("verify_email", person.email)})
        return self.sign_in(person)

    def sign_in(self, person: Person, **more: Any) -> Person:
        body = {"email": person.email, "password": PASSWORD, **more}
        person.token = self.post("/accounts/sign-in", body)["token"]
        return person

    def owner(self, **changes: Any) -> Person:
        person = self.sign_up()
        person.facts["shop_id"] = person.post("/shops", NEW_SHOP | changes, status=201)["id"]
        return person

    def adviser(self, **more: Any) -> Person:
        person = self.sign_up("adviser", **more)
        person.facts["adviser_id"] = person.get("/me")["adviser_id"]
        return person

    def join(self, owner: Person, role: str = "staff") -> Person:
        person = self.sign_up()
        owner.post("/invitations", {"email": person.email, "role": role}, status=201)
        person.post("/invitations/accept", {"token": self.mailed_token("invitation", person.email)})
        return person

    def staff(self, role: str = "finance", *, enrolled: bool = True) -> Person:
        person = Person(self, f"{role}{secrets.token_hex(5)}@example.org")
        secret = pyotp.random_base32()
        with sa.orm.Session(self.everything) as session, session.begin():
            staff.create(
                session,
                role=role,
                email=person.email,
                name=role.title(),
                password_hash=passwords.hash_password(PASSWORD),
                totp_secret=secret if enrolled else None,
                now=clock.now(),
                wall=clock.wall(),
            )
        person.facts["secret"] = secret
        return self.sign_in(person, **({"totp": pyotp.TOTP(secret).now()} if enrolled else {}))


NEW_SHOP = {
    "name": "Perenhuis",
    "legal_name": "Perenhuis B.V.",
    "registration_no": "12345678",
    "vat_no": "NL004495445B01",
}


def made(database: Database) -> World:
    """Return the application on a database that this process has opened."""
    registration.register()
    mail_sending.register()
    app = web.create_app(config.current(), [*registration.blueprints(), views.blueprint])
    return World(app, sa.create_engine(database.url("bootstrap")))


@pytest.fixture(scope="module")
def module_world(pg: Any, valkey: Any) -> Iterator[Standing[World]]:
    """One database for all tests of a module, because cloning costs more than most of them."""
    with standing(pg, valkey.url, made) as world:
        yield world


@pytest.fixture
def world(module_world: Standing[World]) -> Iterator[World]:
    """The module's world with empty counters; its people are strangers to those of other tests."""
    with module_world.at_work() as world:
        jobs.connection().flushall()
        yield world


@pytest.fixture
def fresh_world(database: Any, with_valkey: Any) -> Iterator[World]:
    """A world without anybody, for tests that count everything or act as another role."""
    limits._storage.cache_clear()
    world = made(database)
    yield world
    db.close_reading_sessions()
    world.close()
