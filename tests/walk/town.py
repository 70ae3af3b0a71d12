"""Two complete tenants on one committed database, and everybody who may ask for anything."""

from __future__ import annotations

import datetime as dt
import json
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any

import flask
import pyotp
import sqlalchemy as sa

import wsgi
from marketplace.accounts import keys, passwords, totp
from marketplace.accounts.models import AuthSession, UserAccount
from marketplace.core import clock, config, db, ids, web
from marketplace.core.actor import Actor
from tests.conftest import Database
from tests.integration.tracking.trade import Joined, Trade, line
from tests.walk import canaries
from tests.walk.matrix import Who

PASSWORD = "a long sentence about pears"
# Beyond the walk's end, so that no request has to write down that somebody was seen.
LATER = dt.timedelta(minutes=30)
_FILLERS: dict[str, Any] = {
    "text": "x", "integer": 1, "smallint": 1, "bigint": 1, "boolean": False, "jsonb": "{}", "bytea": bytes(32),
    "character": "EUR", "ARRAY": "{}", "date": dt.date(2026, 1, 1),
}  # fmt: skip
# A statement that can be printed; what it tells of whom is other tests' question.
_DOCUMENT = {
    "number": "S-2026-0001-0001", "run": "R-2026-0001", "issued_at": "2026-11-18T09:00:00Z",
    "total": {"amount": "1.00", "currency": "EUR"}, "by_shop": [], "orders": [], "other": [],
}  # fmt: skip


@dataclass
class Tenant:
    """A shop in business and what it and its advisers have; ids as text by what they are."""

    trade: Trade
    bert: Joined
    staff: uuid.UUID
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def shop(self) -> str:
        return str(self.trade.world.shop_id)

    @property
    def anne(self) -> str:
        return str(self.trade.anne.id)


@dataclass
class Town:
    """Tenant B, whose every text is a canary; then tenant A with two shops, and the people of the platform."""

    database: Database
    app: flask.Flask = field(init=False)
    a: Tenant = field(init=False)
    sister: Tenant = field(init=False)
    b: Tenant = field(init=False)
    marks: canaries.Marks = field(init=False)
    people: dict[str, Who] = field(default_factory=dict)
    platform: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wsgi.register()
        self.app = web.create_app(config.current(), wsgi.blueprints())
        self.superuser = sa.create_engine(
            self.database.postgres.url("postgres", self.database.name), pool_size=1
        )
        with self.superuser.begin() as connection:
            before = canaries.keys(connection)
        self.b = self._tenant()
        with self.superuser.begin() as connection:
            self.marks = canaries.plant(connection, before, "b")
        self.b.ids["order_ref"] = self._one(
            "SELECT order_ref FROM shop_order WHERE id = :i", i=self.b.ids["order"]
        )
        self.a, self.sister = self._tenant(), self._tenant()
        self.people = {who.name: who for who in self._everybody()}
        self._draft_a_run()

    def _one(self, statement: str, **values: Any) -> Any:
        with self.superuser.begin() as connection:
            return connection.execute(sa.text(statement), values).scalar_one()

    def insert(self, table: str, **values: Any) -> str:
        """Insert a row with fillers for what is not given, whatever refers to what; return its id."""
        statement = (
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = :t"
            " AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' AND is_generated = 'NEVER'"
        )
        with self.superuser.begin() as connection, canaries.rewriting(connection, table):
            wanted = connection.execute(sa.text(statement), {"t": table}).all()
            row = {name: self._filler(kind) for name, kind in wanted} | values
            names, marks = ", ".join(f'"{name}"' for name in row), ", ".join(f":{name}" for name in row)
            connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), row)
        return str(row.get("id", ""))

    @staticmethod
    def _filler(kind: str) -> Any:
        if kind == "uuid":
            return ids.new_id()
        if kind.startswith("timestamp"):
            return clock.now()
        return f"x{secrets.token_hex(6)}" if kind == "text" else _FILLERS[kind]

    def _tenant(self) -> Tenant:
        trade = Trade(self.database)
        trade.keep_open()
        trade.app = self.app
        execute, world, found = trade.execute, trade.world, Tenant.__new__(Tenant)
        bert = trade.join("Bert")
        staff = self._person("member")
        tenant = Tenant(trade, bert, staff)
        found = tenant.ids
        found["member"] = self.insert(
            "membership", user_id=staff, user_role="member", shop_id=world.shop_id, role="staff"
        )
        gone = self._person("member")
        found["member_gone"] = self.insert(
            "membership",
            user_id=gone,
            user_role="member",
            shop_id=world.shop_id,
            role="staff",
            removed_at=clock.wall(),
        )
        self._sales(tenant)
        link = world.link(f"/p/{secrets.token_hex(3)}")
        found["page"] = link.target_url
        found |= {"link": str(link.id), "link_bert": str(bert.link.id), "product": str(link.product_id)}
        # Both links were off for a moment once, before anything that is decided here.
        for one, adviser in ((link, trade.anne), (bert.link, bert)):
            off = {"from_at": one.created_at, "to_at": one.created_at}
            self.insert("link_rest", link_id=one.id, shop_id=world.shop_id, adviser_id=adviser.id, **off)
        found["partnership"], found["partnership_bert"] = str(world.partnership_id), str(bert.partnership_id)
        found["offer"] = str(world.offer_id)
        world.product(f"/p/{secrets.token_hex(3)}", sku="gone")
        [row] = trade.rows("SELECT id FROM product WHERE shop_id = :s AND sku = 'gone'", s=world.shop_id)
        execute("UPDATE product SET retired_at = now() WHERE id = :i", i=row["id"])
        found["product_gone"] = str(row["id"])
        owner = {"bearer": trade.owner}
        draft = trade.call("POST", "/offers", {"name": "draft"}, status=201, **owner)["id"]
        paused, joined, _ = world.another_offer()
        execute("UPDATE offer SET state = 'paused' WHERE id = :i", i=paused)
        found |= {"offer_draft": draft, "offer_paused": str(paused), "partnership_paused": str(joined)}
        code = {
            "code": f"PEER{secrets.token_hex(2)}",
            "adviser_id": str(trade.anne.id),
            "offer_id": found["offer"],
        }
        found["code"] = trade.call("POST", "/codes", code, status=201)["id"]
        bert_code = code | {"code": f"BERT{secrets.token_hex(2)}", "adviser_id": str(bert.id)}
        found["code_bert"] = trade.call("POST", "/codes", bert_code, status=201)["id"]
        found["key"] = trade.call(
            "POST", "/api-keys", {"name": "k", "bound_to": "shop"}, status=201, **owner
        )["id"]
        found["invitation"] = trade.call(
            "POST", "/invitations", {"email": f"{secrets.token_hex(3)}@example.test"}, status=201, **owner
        )["id"]
        host = {"host": f"{secrets.token_hex(3)}.example"}
        found["domain_new"] = trade.call("POST", "/domains", host, status=201, **owner)["id"]
        found["domain"] = str(
            self._one(
                "SELECT id FROM shop_domain WHERE shop_id = :s AND verified_at IS NOT NULL", s=world.shop_id
            )
        )
        headers = {"Authorization": f"Bearer {trade.key}"}
        found["feed"] = (
            self.app.test_client(use_cookies=False)
            .post("/api/v1/feeds", data=b"x", headers=headers)
            .get_json()["id"]
        )
        self.insert("feed_row", job_id=found["feed"], row_number=1, shop_id=world.shop_id, outcome="refused")
        source = {"url": "https://feeds.example/all.xml", "every": "manual"}
        found["feed_source"] = trade.call("POST", "/feed-sources", source, status=201)["id"]
        self.insert(
            "feed_fetch",
            source_id=found["feed_source"],
            shop_id=world.shop_id,
            outcome="failed",
            failure_code="x",
        )
        self.insert("product_page", product_id=uuid.UUID(found["product"]), shop_id=world.shop_id)
        self.insert("mail_switch", user_id=tenant.staff, is_on=False)
        self._pictures(tenant)
        self._advice(tenant)
        self._stores(tenant)
        self._money(tenant)
        return tenant

    def _pictures(self, tenant: Tenant) -> None:
        """Let there be pictures of products and of pages, and some that nobody is shown any more."""
        trade, found, shop = tenant.trade, tenant.ids, tenant.trade.world.shop_id
        for name, whose in (
            ("picture", {"adviser_id": trade.anne.id}),
            ("picture_bert", {"adviser_id": tenant.bert.id}),
            ("picture_removed", {"adviser_id": trade.anne.id, "removed_at": clock.now()}),
        ):
            found[name] = self.insert("picture", kind="page", alt="a pear", **whose)
        for name in ("product", "product_gone"):
            made = self.insert("picture", kind="product", shop_id=shop, sha256=secrets.token_bytes(32))
            product = uuid.UUID(found[name])
            trade.execute(
                "UPDATE product SET image_link = 'https://a.example/p.png' WHERE id = :i", i=product
            )
            self.insert("product_picture", product_id=product, shop_id=shop, picture_id=made)
            found[f"picture_{name}"] = made
        for name in [one for one in found if one.startswith("picture")]:
            self.insert("picture_file", picture_id=uuid.UUID(found[name]), width=160)

    def _advice(self, tenant: Tenant) -> None:
        """Let there be pages, questions and what readers left behind; nothing of B was ever published."""
        trade, found, shop = tenant.trade, tenant.ids, tenant.trade.world.shop_id
        is_open = hasattr(self, "b")
        page = {
            "kind": "single", "language": "nl", "title": "Peren", "verdict": "Neem deze.",
            "blocks": [{"id": "t", "type": "text", "text": "Sappig."}], "topics": ["peren"],
        }  # fmt: skip
        hidden = {"state": "hidden", "reason": "x"}
        for name, who in (("", trade.anne), ("_bert", tenant.bert)):
            for state in ("advice", "advice_draft"):
                made = trade.call("POST", "/advice-pages", page, status=201, bearer=who.bearer)["page_id"]
                found[f"{state}{name}"] = made
            written = {"page_id": uuid.UUID(found[f"advice{name}"]), "adviser_id": who.id}
            if is_open:
                there = f"/advice-pages/{found[f'advice{name}']}/publish"
                trade.call("POST", there, {"edit": 1}, status=200, bearer=who.bearer)
            else:
                self.insert("advice_version", number=1, **written)
                self.insert("advice_event", n=1, state="withdrawn", by_role="adviser", **written)
            state = "answered" if is_open else "waiting"
            found[f"question{name}"] = self.insert("question", language="nl", state=state, **written)
            found[f"saved_answer{name}"] = self.insert("saved_answer", adviser_id=who.id)
        product = {"product_id": uuid.UUID(found["product"]), "shop_id": shop}
        found["question_shop"] = self.insert("question", language="nl", **product)
        question, person = uuid.UUID(found["question"]), {"user_id": trade.anne.actor.user_id}
        self.insert("question_asker", question_id=question, user_id=tenant.staff)
        found["answer"] = self.insert(
            "answer", question_id=question, by_role="adviser", adviser_id=trade.anne.id, **person,
            **({} if is_open else hidden),
        )  # fmt: skip
        found["review"] = self.insert(
            "review", stars=5, language="nl", **product, **({} if is_open else hidden)
        )
        self.insert("review_proof", review_id=uuid.UUID(found["review"]), shop_id=shop, email_sha256="0" * 64)
        self.insert(
            "follow", adviser_id=trade.anne.id, user_id=tenant.staff, language="nl", state="confirmed"
        )
        found["report"] = self.insert(
            "page_report", page_id=uuid.UUID(found["advice"]), adviser_id=trade.anne.id, reason="other",
            receipt_hash=secrets.token_bytes(32),
        )  # fmt: skip

    def _stores(self, tenant: Tenant) -> None:
        """Let there be a store with somebody who works there, and evidence that the shop may confirm."""
        trade, found = tenant.trade, tenant.ids
        store = {
            "code": "UTR1", "name": "Gracht", "street": "Oudegracht 1", "postcode": "3511 AA", "city": "Utrecht",
            "country": "NL",
        }  # fmt: skip
        found["store"] = trade.call("POST", "/stores", store, status=201)["id"]
        there = {"adviser_id": str(trade.anne.id)}
        found["store_adviser"] = trade.call("POST", f"/stores/{found['store']}/advisers", there, status=201)[
            "id"
        ]
        for name, who in (("", trade.anne), ("_bert", tenant.bert)):
            bought = {
                "kind": "user", "statement": "I bought it", "shop_id": tenant.shop, "order_ref": f"B{name}-1",
            }  # fmt: skip
            stated = trade.call("POST", "/evidence", bought, status=201, bearer=who.bearer)
            found[f"evidence{name}"] = stated["id"]
        expert = {"kind": "expert", "statement": "Roaster by trade"}
        stated = trade.call("POST", "/evidence", expert, status=201, bearer=trade.anne.bearer)
        found["evidence_of_trade"] = stated["id"]

    def _sales(self, tenant: Tenant) -> None:
        trade, found = tenant.trade, tenant.ids
        trade.edge_mark(dt.timedelta(0))
        for name, winner in (("", trade.anne), ("_bert", tenant.bert)):
            ref = f"R-{secrets.token_hex(3)}"
            loser = tenant.bert if winner is trade.anne else None
            tokens = [trade.token(loser, dt.timedelta(minutes=5))] if loser else []
            trade.report(trade.order(ref, *tokens, trade.token(winner), lines=[line("1"), line("2")]))
            found[f"commission{name}"] = trade.show(ref)["commissions"][0]["id"]
            found[f"order_ref{name}"] = ref
        found["order"] = str(
            self._one("SELECT order_id FROM commission WHERE id = :i", i=uuid.UUID(found["commission"]))
        )
        trade.refund(found["order_ref"], "RF-1", {"line_ref": "2", "quantity": 1, "net": line()["net"]})
        for name, winner in (("", trade.anne), ("_bert", tenant.bert)):
            ref = f"D-{secrets.token_hex(3)}"
            declined = trade.report(trade.order(ref, trade.token(winner)))["commissions"][0]["id"]
            why = {"reason": "other", "note": "not ours"}
            trade.call("POST", f"/commissions/{declined}/decline", why, status=200)
            told = {
                "commission_id": declined,
                "statement": "they clicked",
                "links": ["https://a.example/proof"],
            }
            opened = trade.call("POST", "/disputes", told, status=201, bearer=winner.bearer)
            found[f"dispute{name}"] = opened["id"]
        for name, who in (("", trade.anne), ("_bert", tenant.bert)):
            missed = {
                "shop_id": tenant.shop, "bought_on": (clock.now() - dt.timedelta(days=20)).date().isoformat(),
                "order_ref": f"C-{secrets.token_hex(3)}", "statement": "they told me so",
            }  # fmt: skip
            found[f"claim{name}"] = trade.call("POST", "/claims", missed, status=201, bearer=who.bearer)["id"]
        trade.call("POST", "/orders", {}, status=422)  # A refused report leaves a line.
        ref = f"T-{secrets.token_hex(3)}"
        trade.report(trade.order(ref, trade.token(trade.anne)), bearer=trade.test_key)
        found["order_ref_test"] = ref
        shown = trade.show(ref, bearer=trade.test_key, query="?mode=test")
        found["commission_test"] = shown["commissions"][0]["id"]

    def _money(self, tenant: Tenant) -> None:
        """Let there be rows of money of which only whose they are matters."""
        trade, found, shop = tenant.trade, tenant.ids, tenant.trade.world.shop_id
        self.insert(
            "funding", shop_id=shop, state="open", amount_minor=500, currency="EUR", url="https://pay.example"
        )
        self.insert("stripe_event", source="account")
        self.insert("attribution_policy", shop_id=shop, model="last", code_rule="override")
        self.insert("order_echo", order_id=uuid.UUID(found["order"]), shop_id=shop)
        self.insert("posting", entry_id=secrets.randbelow(10**12), shop_id=shop)
        booked = {"adviser_id": trade.anne.id, "shop_id": shop}
        self.insert("transfer_booking", **booked)
        self.insert(
            "accrual", commission_id=uuid.UUID(found["commission_bert"]), kind="earned", funded=False,
            entry_id=secrets.randbelow(10**12), **booked,
        )  # fmt: skip
        self.insert(
            "agreement",
            kind="terms",
            version=9,
            user_id=trade.world.owner.user_id,
            shop_id=shop,
            sha256="0" * 64,
        )
        for name, adviser in (("", trade.anne.id), ("_bert", tenant.bert.id)):
            account = self.insert("payout_account", adviser_id=adviser, currency="EUR", state="planned")
            self.insert(
                "payout_destination_change",
                payout_account_id=account,
                adviser_id=adviser,
                was="b",
                became="c",
            )
            self.insert(
                "bank_payout", id=f"po_{secrets.token_hex(4)}", payout_account_id=account, adviser_id=adviser
            )
            payout = self.insert(
                "payout", adviser_id=adviser, currency="EUR", amount_minor=100, state="paid", place=1,
                reserve_entry_id=secrets.randbelow(10**12), paid_at=clock.now(),
                stripe_transfer_id=f"tr_{secrets.token_hex(4)}",
            )  # fmt: skip
            self.insert(
                "payout_line",
                entry_id=secrets.randbelow(10**12),
                payout_id=payout,
                adviser_id=adviser,
                shop_id=shop,
            )
            self.insert("payout_draft", adviser_id=adviser, payout_id=payout, reason="nothing")
            self.insert("payout_attempt", payout_id=payout)
            found[f"payout{name}"] = payout
            found[f"statement{name}"] = self.insert(
                "statement", payout_id=payout, adviser_id=adviser, amount_minor=100, currency="EUR",
                document=json.dumps(_DOCUMENT),
            )  # fmt: skip

    def _person(self, role: str, **changes: Any) -> uuid.UUID:
        name, person = f"{role}{secrets.token_hex(4)}", ids.new_id()
        mail = f"{name}@example.test"
        row = {
            "email": mail, "email_key": mail, "name": name, "role": role, "session_key": name, "locale": "en",
            "password_hash": self._hash(), "email_verified_at": clock.wall(),
        }  # fmt: skip
        self.insert("user_account", id=person, **(row | changes))
        return person

    def _hash(self) -> str:
        if "hash" not in self.platform:
            self.platform["hash"] = passwords.hash_password(PASSWORD)
        return self.platform["hash"]

    def _sign_in(self, user: Any, *, hours_ago: float = 0, kind: str = "token") -> str:
        token, wall = ids.secret_token(), clock.wall()
        proved = wall - dt.timedelta(hours=hours_ago)
        with sa.orm.Session(self.superuser) as session, session.begin():
            person = session.get_one(UserAccount, user)
            row = AuthSession(
                user_id=user, kind=kind, token_hash=ids.digest(token), session_key=person.session_key,
                password_at=proved, totp_at=proved if person.role != "member" else None,
                last_seen_at=wall + LATER, expires_at=wall + dt.timedelta(hours=9),
            )  # fmt: skip
            session.add(row)
        return token

    def _everybody(self) -> list[Who]:
        a, sister = self.a, self.sister
        own, anne = a.trade.world.owner, a.trade.anne
        hidden = frozenset(
            {str(a.bert.id), *(value for name, value in a.ids.items() if name.endswith("_bert"))}
        )
        neighbours = frozenset({sister.shop, *sister.ids.values()})
        shop, both = frozenset({a.shop}), frozenset({a.shop, sister.shop})
        with self.superuser.begin() as connection:
            statement = "UPDATE user_account SET password_hash = :h WHERE id = ANY(:u)"
            users = [own.user_id, anne.actor.user_id]
            connection.execute(sa.text(statement), {"h": self._hash(), "u": users})

        # As if two people had drawn the same key: only the limit to one's own sign-ins tells them apart then.
        with self.superuser.begin() as connection:
            statement = (
                "UPDATE auth_session SET session_key = (SELECT session_key FROM user_account WHERE id = :anne)"
                " WHERE user_id = :other"
            )
            values = {"anne": anne.actor.user_id, "other": self.b.trade.world.owner.user_id}
            connection.execute(sa.text(statement), values)

        def bearer(token: str) -> dict[str, str]:
            return {"Authorization": f"Bearer {token}"}

        def session(name: str, user: Any, *columns: str, hours_ago: float = 0, **more: Any) -> Who:
            return Who(
                name, frozenset({"member", *columns}), bearer(self._sign_in(user, hours_ago=hours_ago)),
                user=str(user), is_fresh=not hours_ago, **more,
            )  # fmt: skip

        people: dict[str, Any] = {
            "adviser": {"user": anne.actor.user_id, "adviser": a.anne, "hidden": hidden},
            "owner": {"user": own.user_id, "shops": shop, "owned": shop, "hidden": neighbours},
        }
        mixed, both_ways = self._person("member"), self._chris()
        for user, role, tenant in (
            (mixed, "owner", sister),
            (mixed, "staff", a),
            (both_ways[0], "owner", sister),
        ):
            self.insert(
                "membership", user_id=user, user_role="member", shop_id=uuid.UUID(tenant.shop), role=role
            )
        closed = frozenset({sister.shop})
        found = [
            Who("anonymous"),
            session("member", self._person("member")),
            session("adviser", people["adviser"].pop("user"), "adviser", **people["adviser"]),
            session("adviser_stale", anne.actor.user_id, "adviser", hours_ago=2, **people["adviser"]),
            session("owner", people["owner"].pop("user"), "owner", **people["owner"]),
            session("owner_stale", own.user_id, "owner", hours_ago=2, **people["owner"]),
            session("staff", a.staff, "staff", shops=shop, hidden=neighbours),
            session("neighbour", sister.trade.world.owner.user_id, "owner", shops=closed, owned=closed,
                    hidden=frozenset({a.shop, *a.ids.values()})),
            session("mixed", mixed, "owner", "staff", shops=both, owned=closed),
            session("both_ways", both_ways[0], "owner", "adviser", shops=closed, owned=closed, adviser=both_ways[1]),
        ]  # fmt: skip
        for role in ("finance", "admin"):
            user = self._staff(role)
            found += [session(role, user, role), session(f"{role}_stale", user, role, hours_ago=2)]
            found.append(
                self._key(f"{role}_key", Actor(user, frozenset({role}), via="token"), "member", role)
            )
        facts: dict[str, Any] = {"shops": shop, "owned": shop, "hidden": neighbours}
        found += [
            self._key("shop_key", own, "shop_key", bound="shop", **facts),
            self._key("shop_key_test", own, "shop_key", bound="shop", mode="test", **facts),
            self._key("shop_key_scoped", own, "shop_key", bound="shop", scope="me:read", **facts),
            self._key("adviser_key", anne.actor, "adviser_key", bound="adviser", adviser=a.anne, hidden=hidden),
            self._key(
                "adviser_key_scoped", anne.actor, "adviser_key", bound="adviser", scope="links:read", adviser=a.anne,
                hidden=hidden,
            ),
            self._key("adviser_key_test", anne.actor, "adviser_key", bound="adviser", mode="test", adviser=a.anne,
                      hidden=hidden),
        ]  # fmt: skip
        shut = self._person("member")
        self.insert("membership", user_id=shut, user_role="member", shop_id=uuid.UUID(a.shop), role="owner")
        token = self._sign_in(shut)
        a.trade.execute("UPDATE user_account SET suspended_at = now() WHERE id = :i", i=shut)
        found.append(Who("suspended", frozenset({"anonymous"}), bearer(token)))
        a.trade.execute("UPDATE api_key SET last_used_at = now() + interval '30 minutes'")
        return found

    def _chris(self) -> tuple[uuid.UUID, str]:
        """Return somebody who advises on A's shop, and will own the sister's too."""
        chris = self.a.trade.join("Chris")
        ref = f"C-{secrets.token_hex(3)}"
        self.a.trade.report(self.a.trade.order(ref, self.a.trade.token(chris)))
        self.a.ids["commission_chris"] = self.a.trade.show(ref)["commissions"][0]["id"]
        self.a.ids["order_ref_chris"] = ref
        assert chris.actor.user_id is not None
        return chris.actor.user_id, str(chris.id)

    def _staff(self, role: str) -> uuid.UUID:
        user = self._person(role)
        sealed = totp.seal_secret(user, pyotp.random_base32())
        self.a.trade.execute("UPDATE user_account SET totp_secret = :s WHERE id = :i", s=sealed, i=user)
        self.platform[role] = str(user)
        return user

    def _key(
        self, name: str, actor: Actor, *columns: str, bound: str | None = None, mode: str = "live", scope: str = "",
        **facts: Any,
    ) -> Who:  # fmt: skip
        data: dict[str, Any] = {
            "name": name,
            "mode": mode,
            "scopes": [scope] if scope else [],
            "bound_to": bound,
        }
        with db.transaction() as session:
            text = keys.create(session, actor, data, clock.now())[1]
        return Who(
            name, frozenset(columns), {"Authorization": f"Bearer {text}"}, is_key=True, mode=mode,
            scopes=frozenset(data["scopes"]), user=str(actor.user_id), **facts,
        )  # fmt: skip

    def _draft_a_run(self) -> None:
        who = self.people["finance"]
        client = self.app.test_client(use_cookies=False)
        made = client.post("/api/v1/runs", json={"currency": "EUR"}, headers=who.headers)
        assert made.status_code == 201, made.get_json()
        self.a.ids["run"] = made.get_json()["id"]
        self.a.ids["break"] = self.insert("recon_break", kind="fee", currency="EUR", amount_minor=1)
        self._book()

    def _book(self) -> None:
        """Let the books hold an account of Anne's and an entry, as finance names them in addresses."""
        kind, code = "adviser:pending", f"adviser:pending:{self.a.anne}:EUR"
        facts = {"normal": "C", "floor_zero": True, "shards": 1}
        self.insert("account", code=code, kind=kind, owner=uuid.UUID(self.a.anne), currency="EUR", **facts)
        account = self._one("SELECT id FROM account WHERE code = :c", c=code)
        kept = {"shard": 0, "normal": "C", "floor_zero": True, "balance_minor": 0, "postings": 0}
        self.insert("balance", account_id=account, **kept)
        idem = secrets.token_hex(8)
        self.insert("entry", idem=idem, kind="accrue", lines=2)
        self.a.ids["entry"] = str(self._one("SELECT id FROM entry WHERE idem = :i", i=idem))

    def close(self) -> None:
        """Let go of connections."""
        for tenant in (self.a, self.sister, self.b):
            tenant.trade.everything.dispose()
        self.superuser.dispose()
