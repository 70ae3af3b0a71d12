"""Two shops in business and everybody who may ask anything, with a fingerprint of every row: what attacks need."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import secrets
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyotp
import sqlalchemy as sa
from werkzeug.test import Client, TestResponse

import wsgi
from marketplace.accounts import keys, passwords, totp
from marketplace.accounts.models import AuthSession, UserAccount
from marketplace.core import clock, config, db, ids, jobs, web
from marketplace.core.actor import Actor
from tests.conftest import Database
from tests.integration.tracking.trade import Trade, line, money

PASSWORD = "a long sentence about pears"
PROBLEM = {"type", "title", "status", "code", "detail", "unchanged", "next", "errors"}
# The other tenant's names, which no answer to a stranger may hold.
SECRET_NAMES = ("Zwijgzaam", "zwijgzaam.example", "Anoniem")
# Beats, places and moments of last use move with every request; counters of tries live in Valkey. That somebody
# gave a wrong password, and what a shop reported that was refused, is written down on purpose.
IGNORED_TABLES = frozenset({"heartbeat", "alembic_version", "own_device", "shop_report"})
WRITTEN_DOWN = '{"action": "account.sign_in_refused"}'
REPORT = {"reason": "other", "statement": "it is not so at all"}
IGNORED_COLUMNS = ("last_seen_at", "last_used_at")


@dataclass(frozen=True)
class Person:
    """Somebody who asks: the words for the Authorization header, none for a stranger."""

    name: str
    bearer: str = ""
    secret: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.bearer}"} if self.bearer else {}


@dataclass
class Siege:
    """The whole product on one committed database: `mine` is attacked from inside, `theirs` from outside."""

    database: Database
    mine: Trade = field(init=False)
    theirs: Trade = field(init=False)
    people: dict[str, Person] = field(init=False)
    things: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wsgi.register()
        self.app = web.create_app(config.current(), wsgi.blueprints())
        self.mine, self.theirs = Trade(self.database), Trade(self.database)
        self.mine.keep_open()
        self.mine.app = self.theirs.app = self.app
        # A real hash, so that passwords can be asked for.
        self.mine.execute("UPDATE user_account SET password_hash = :h", h=passwords.hash_password(PASSWORD))
        self._hide_the_others()
        self.people = self._people()
        self.things, self.others = self._furnish(self.mine), self._furnish(self.theirs)
        self._draft_a_run()

    def close(self) -> None:
        """Let go of connections."""
        self.mine.everything.dispose()
        self.theirs.everything.dispose()

    def _hide_the_others(self) -> None:
        shop, adviser = self.theirs.world.shop_id, self.theirs.anne.id
        execute = self.theirs.execute
        execute("UPDATE shop SET name = 'Zwijgzaam', legal_name = 'Zwijgzaam BV' WHERE id = :i", i=shop)
        execute("UPDATE shop_domain SET host = 'zwijgzaam.example' WHERE shop_id = :i", i=shop)
        self.theirs.world.host = "zwijgzaam.example"
        execute("UPDATE adviser SET display_name = 'Anoniem' WHERE id = :i", i=adviser)
        execute("UPDATE offer SET name = 'Zwijgzaam aanbod' WHERE shop_id = :i", i=shop)

    def _people(self) -> dict[str, Person]:
        mine = self.mine
        found = [
            Person("anonymous"),
            Person("owner", mine.owner),
            Person("adviser", mine.anne.bearer),
            Person("shop_key", mine.key),
            Person("test_key", mine.test_key),
            Person("adviser_key", self.key(mine.anne.actor, "adviser")),
            self.staff("finance"),
            dataclasses.replace(self.staff("finance"), name="checker"),
            self.staff("admin"),
        ]
        return {person.name: person for person in found}

    def key(self, actor: Actor, bound_to: str | None, mode: str = "live") -> str:
        """Make an API key and return its text."""
        data: dict[str, Any] = {"name": "k", "mode": mode, "scopes": [], "bound_to": bound_to}
        with db.transaction() as session:
            return keys.create(session, actor, data, clock.now())[1]

    def staff(self, role: str) -> Person:
        """Make somebody of the platform, enrolled and freshly signed in with both proofs."""
        engine, name, secret = self.mine.everything, f"{role}{secrets.token_hex(4)}", pyotp.random_base32()
        token, wall = ids.secret_token(), clock.wall()
        with sa.orm.Session(engine) as session, session.begin():
            session.execute(sa.text("SET LOCAL ROLE aanrader_owner"))
            user = UserAccount(
                id=ids.new_id(), email=f"{name}@example.test", email_key=f"{name}@example.test", name=name,
                role=role, password_hash=passwords.hash_password(PASSWORD), session_key=name,
                email_verified_at=wall,
            )  # fmt: skip
            session.add(user)
            session.flush()
            user.totp_secret = totp.seal_secret(user.id, secret)
            session.add(
                AuthSession(
                    user_id=user.id, kind="token", token_hash=ids.digest(token), session_key=name,
                    password_at=wall, totp_at=wall, last_seen_at=wall, expires_at=wall + dt.timedelta(hours=1),
                )
            )  # fmt: skip
            self.things[f"{role}_user"] = str(user.id)
        return Person(role, token, secret)

    def _furnish(self, trade: Trade) -> dict[str, str]:
        """Let one of everything exist; return ids by what they are."""
        world, ref = trade.world, f"R-{secrets.token_hex(3)}"
        link = world.link(f"/p/{secrets.token_hex(3)}")
        trade.report(trade.order(ref, trade.token(trade.anne), lines=[line("1"), line("2")]))
        order = trade.show(ref)
        code = {"code": "PEER10", "adviser_id": str(trade.anne.id), "offer_id": str(world.offer_id)}
        code_id = trade.call("POST", "/codes", code, status=201)["id"]
        owner = {"bearer": trade.owner}
        host = {"host": f"{secrets.token_hex(3)}.example"}
        invitation = {"email": f"{secrets.token_hex(3)}@example.test"}
        made_key = trade.call("POST", "/api-keys", {"name": "k", "bound_to": "shop"}, status=201, **owner)
        store = {
            "code": "UTR1",
            "name": "Gracht",
            "street": "Gracht 1",
            "postcode": "3511 AA",
            "city": "Utrecht",
            "country": "NL",
        }
        source = {"url": "https://feeds.example/all.xml", "every": "manual"}
        source_id = trade.call("POST", "/feed-sources", source, status=201)["id"]
        store_id = trade.call("POST", "/stores", store, status=201)["id"]
        there = {"adviser_id": str(trade.anne.id)}
        works = trade.call("POST", f"/stores/{store_id}/advisers", there, status=201)["id"]
        bought = {"kind": "user", "statement": "Bought", "shop_id": str(world.shop_id), "order_ref": ref}
        stated = trade.call("POST", "/evidence", bought, status=201, bearer=trade.anne.bearer)
        declined, disputed = self._dispute(trade)
        feed = self.ask("POST", "/feeds", Person("", trade.key), data=b"x").get_json()["id"]
        return {
            "shop_id": str(world.shop_id),
            "adviser_id": str(trade.anne.id),
            "offer_id": str(world.offer_id),
            "partnership_id": str(world.partnership_id),
            "link_id": str(link.id),
            "product_id": str(link.product_id),
            "order_ref": ref,
            "commission_id": order["commissions"][0]["id"],
            "code_id": code_id,
            "feed_source_id": source_id,
            "store_id": store_id,
            "store_adviser_id": works,
            "evidence_id": stated["id"],
            "declined_id": declined,
            "dispute_id": disputed,
            "claim_id": self._claim(trade),
            **self._advise(trade, str(link.product_id)),
            "feed_id": feed,
            "domain_id": trade.call("POST", "/domains", host, status=201, **owner)["id"],
            "invitation_id": trade.call("POST", "/invitations", invitation, status=201, **owner)["id"],
            "member_id": trade.call("GET", "/members", status=200, **owner)["items"][0]["id"],
            "key_id": made_key["id"],
            "session_id": trade.call("GET", "/sessions", status=200, **owner)["items"][0]["id"],
            "user_id": str(world.owner.user_id),
            "statement_id": str(uuid.uuid4()),
            "run_id": str(uuid.uuid4()),
            "break_id": str(uuid.uuid4()),
        }

    def _advise(self, trade: Trade, product: str) -> dict[str, str]:
        """Let the adviser write a page, with a question, its answer, a review, a report and a picture."""
        anne = trade.anne.bearer
        page = {"kind": "single", "language": "nl", "title": "Peren", "verdict": "Neem deze."}
        page["blocks"] = [{"id": "t", "type": "text", "text": "Sappig."}]
        page_id = trade.call("POST", "/advice-pages", page, status=201, bearer=anne)["page_id"]
        trade.call("POST", f"/advice-pages/{page_id}/publish", {"edit": 1}, status=200, bearer=anne)
        asked = {"body": "is it any good then?"}
        question = trade.call("POST", f"/questions/page/{page_id}", asked, status=201, bearer="")["id"]
        answer = {"body": "yes it is"}
        answered = trade.call("POST", f"/questions/{question}/answers", answer, status=201, bearer=anne)
        saved = {"title": "Peer", "body": "yes it is"}
        review = {"stars": 5, "title": "Peer", "body": "as good as a pear can be", "name": "Piet"}
        trade.call("POST", f"/page-reports/page/{page_id}", REPORT, status=201, bearer="")
        [report] = trade.rows("SELECT id FROM page_report WHERE page_id = :i", i=page_id)
        picture = ids.new_id()
        trade.execute(
            "INSERT INTO picture (id, kind, adviser_id, sha256, width, height, alt, created_at)"
            " VALUES (:i, 'page', :a, :s, 1, 1, 'a pear', now())",
            i=picture, a=trade.anne.id, s=secrets.token_bytes(32),
        )  # fmt: skip
        return {
            "page_id": page_id,
            "question_id": question,
            "answer_id": answered["id"],
            "saved_answer_id": trade.call("POST", "/saved-answers", saved, status=201, bearer=anne)["id"],
            "review_id": trade.call("POST", f"/reviews/{product}", review, status=201, bearer="")["id"],
            "report_id": str(report["id"]),
            "picture_id": str(picture),
        }

    @staticmethod
    def _dispute(trade: Trade) -> tuple[str, str]:
        """Let the shop decline a commission and its adviser dispute that; return the ids of both."""
        order = trade.order(f"D-{secrets.token_hex(3)}", trade.token(trade.anne))
        declined = trade.report(order)["commissions"][0]["id"]
        why = {"reason": "other", "note": "not ours"}
        trade.call("POST", f"/commissions/{declined}/decline", why, status=200)
        told = {"commission_id": declined, "statement": "they clicked"}
        opened = trade.call("POST", "/disputes", told, status=201, bearer=trade.anne.bearer)
        return declined, opened["id"]

    @staticmethod
    def _claim(trade: Trade) -> str:
        """Let the adviser claim an order that nobody reported; return the id."""
        day = (clock.now() - dt.timedelta(days=20)).date().isoformat()
        missed = {
            "shop_id": str(trade.world.shop_id),
            "bought_on": day,
            "order_ref": "M-1",
            "statement": "they told me",
        }
        return str(trade.call("POST", "/claims", missed, status=201, bearer=trade.anne.bearer)["id"])

    def _draft_a_run(self) -> None:
        made = self.ask("POST", "/runs", self.people["finance"], json={"currency": "EUR"})
        assert made.status_code == 201, made.get_json()
        self.things["run_id"] = made.get_json()["id"]

    def ask(self, method: str, path: str, who: Person | None = None, **options: Any) -> TestResponse:
        """Send a request; `path` begins after /api/v1 unless it begins with another word of ours."""
        jobs.connection().flushall()
        prefix = "" if path.startswith(("/api/", "/webhooks", "/_dev", "/health", "/search")) else "/api/v1"
        headers = {**(who.headers if who else {}), **options.pop("headers", {})}
        client = Client(self.app, TestResponse, use_cookies=False)
        answer = client.open(prefix + path, method=method, headers=headers, **options)
        answer.data  # noqa: B018 - the body is read before the client goes
        return answer

    def post_raw(self, path: str, body: bytes, who: Person, kind: str = "application/json") -> TestResponse:
        """Post bytes as they are."""
        return self.ask("POST", path, who, data=body, content_type=kind)

    @cached_property
    def _print_statement(self) -> str:
        tables = self.mine.rows(
            "SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"
        )
        names = [row["name"] for row in tables if row["name"] not in IGNORED_TABLES]
        assert len(names) > 50
        row = "to_jsonb(t)" + "".join(f" - '{column}'" for column in IGNORED_COLUMNS)
        return " UNION ALL ".join(
            f"SELECT '{name}' AS name, count(*) || ':' || coalesce(sum(hashtextextended(({row})::text, 0)), 0)"
            f" AS print FROM \"{name}\" t WHERE NOT to_jsonb(t) @> '{WRITTEN_DOWN}'"
            for name in names
        )

    def fingerprint(self) -> dict[str, str]:
        """Return a hash of every table that must not move when a request is refused."""
        return {row["name"]: row["print"] for row in self.mine.rows(self._print_statement)}

    def code(self, who: Person) -> str:
        """Return what somebody's authenticator shows now."""
        return pyotp.TOTP(who.secret).at(clock.wall())

    def rows_of_others(self) -> dict[str, str]:
        """Return what somebody may have picked up of the other shop: a product's address, a hash."""
        [product] = self.theirs.rows("SELECT link FROM product WHERE id = :i", i=self.others["product_id"])
        [key] = self.theirs.rows(
            "SELECT encode(key_hash, 'hex') AS h FROM api_key WHERE id = :i", i=self.others["key_id"]
        )
        return {"link": product["link"], "key_hash": key["h"]}


def describe(answer: TestResponse) -> str:
    """Return an answer in one line, for what a failing assertion says."""
    return f"{answer.request.method} {answer.request.path} -> {answer.status_code} {answer.text[:300]}"


def assert_refused(answer: TestResponse, *statuses: int, code: str = "") -> dict[str, Any]:
    """Assert that an answer is a refusal in the one shape, with its three sentences; return its body."""
    assert 400 <= answer.status_code < 500, describe(answer)
    assert not statuses or answer.status_code in statuses, describe(answer)
    assert answer.content_type == "application/problem+json", describe(answer)
    body: dict[str, Any] = json.loads(answer.text)
    # A page that makes no product also says what was found on it (RFC 9457 lets a problem say more).
    more = {"notes"} if body.get("code") == "page_unusable" else set()
    assert set(body) == PROBLEM | more, describe(answer)
    assert body["status"] == answer.status_code
    assert body["type"] == f"/problems/{body['code']}"
    for sentence in ("title", "detail", "unchanged", "next"):
        assert isinstance(body[sentence], str), describe(answer)
        assert len(body[sentence].strip()) > 3, describe(answer)
    assert isinstance(body["errors"], dict), describe(answer)
    assert all(isinstance(sentences, list) for sentences in body["errors"].values()), describe(answer)
    # What comes back of a request can be written by any program, as UTF-8.
    json.dumps(body, ensure_ascii=False).encode()
    assert not code or body["code"] == code, describe(answer)
    return body


__all__ = ["PASSWORD", "SECRET_NAMES", "Person", "Siege", "assert_refused", "describe", "line", "money"]
