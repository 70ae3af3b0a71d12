"""What stands around row-level security: no table without it, no function or view past it, no role above it."""

from __future__ import annotations

import ast
import datetime as dt
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import psycopg
import pytest
import sqlalchemy as sa

from marketplace.core import audit, config, db, ids, mail, web
from marketplace.core.actor import ANONYMOUS
from marketplace.core.policy import policy
from migrations.row_security import EXEMPT, OPEN_VIEWS
from tests.conftest import TEMPLATE, Database

NOW = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)
CANARY = "canary-7d1"
ROOT = Path(__file__).resolve().parents[3]
LOGINS = ("aanrader_app", "aanrader_worker", "aanrader_edge")
# Functions that see all rows and that the web role may call: what each gives away, or who is let in.
WEB_FUNCTIONS = {
    "tracked_link_known": "whether a link of that id exists, to somebody who holds a token that we signed for it",
    "adviser_took_part": "whether the adviser who acts took part in an order; it takes nobody else's id",
    "adviser_sees_refund": "the same for the order of a refund",
    "payout_run_preview": "who is paid by a draft, to finance only, who read the same without it",
    "payout_run_reserve": "nothing; finance only, approved by who acts, not by the maker",
    "stripe_event_again": "nothing; an admin only",
    "payouts_frozen": "whether payouts are frozen",
    "payout_freeze_by_hand": "nothing; finance only",
    "product_search": "ids of products that are published, which anybody may know",
    "product_newest": "the same",
    "product_similar_words": "words that products are called by, also of shops that are not live",
    "offer_record": "counts and a median over the orders of an offer that is no draft, of five or more, and its shop's budget",
    "claim_record": "a shop's median time to answer claims and how many it left, of three or more",
    "shop_answers": "a shop's median time to answer applications, of three or more",
}
# The places that act as no actor does, each with the scope that it names. docs/decisions/0018 says why.
NAMED = {
    "marketplace/accounts/entrance.py": {"DOOR"},
    "marketplace/accounts/invitations.py": {"DOOR", "within"},
    "marketplace/accounts/loader.py": {"DOOR"},
    "marketplace/accounts/notifications.py": {"DOOR", "within"},
    "marketplace/accounts/shops.py": {"adopt_shop"},
    "marketplace/accounts/users.py": {"DOOR", "within"},
    "marketplace/catalogue/search/service.py": {"NOBODY"},
    "marketplace/community/asking.py": {"NOBODY", "within"},
    "marketplace/community/following.py": {"DOOR", "within"},
    "marketplace/community/reporting.py": {"DOOR", "within"},
    "marketplace/community/views_finding.py": {"NOBODY"},
    "marketplace/community/views_reading.py": {"NOBODY"},
    "marketplace/community/views_topics.py": {"NOBODY"},
    "marketplace/core/auth.py": {"Scope", "set_scope"},
    "marketplace/core/operations.py": {"WATCH"},
    "marketplace/core/web.py": {"NOBODY", "set_scope"},
    "marketplace/front/views.py": {"NOBODY"},
    "marketplace/pictures/reading.py": {"NOBODY"},
    "payouts/administration/views_work.py": {"WATCH"},
    "payouts/shopkeeping/acts_rehearsal.py": {"DOOR", "Scope", "within"},
    "payouts/settlement/api_webhooks.py": {"WEBHOOK"},
    "payouts/settlement/freeze.py": {"Scope"},
    "tracking/touches/own.py": {"Scope"},
}
WORDS = {
    f"db.{name}"
    for name in ("DOOR", "WEBHOOK", "WATCH", "NOBODY", "Scope", "set_scope", "within", "adopt_shop")
}


@pytest.fixture(scope="module")
def rows(pg: Any) -> Callable[..., list[Any]]:
    """Return the rows of a query on the migrated template, as the superuser."""
    url = pg.url("postgres", TEMPLATE).replace("+psycopg", "", 1)

    def ask(statement: str, *values: Any) -> list[Any]:
        # Nobody may be connected to a template while it is cloned.
        with psycopg.connect(url, autocommit=True) as connection:
            return connection.execute(statement, values or None).fetchall()

    return ask


def test_every_table_is_locked_or_says_why_it_is_not(rows):
    tables = dict(
        rows(
            "SELECT relname, relrowsecurity FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition"
        )
    )
    open_tables = {name for name, locked in tables.items() if not locked}
    assert open_tables == set(EXEMPT)
    # Raw clicks and staged rows belong to tenants; what keeps them is that the web role has no right on them at all.
    for table in ("click", "click_first", "feed_staged", "alembic_version"):
        found = rows("SELECT has_any_column_privilege('aanrader_app', %s, 'SELECT, INSERT, UPDATE')", table)
        assert found == [(False,)], table
    columns = rows(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND column_name IN ('shop_id', 'adviser_id', 'user_id')"
    )
    tenants = {table for table, _ in columns if table in open_tables}
    assert tenants == {"click"}


def test_no_table_is_forced_because_the_functions_of_the_owner_write_them(rows):
    assert rows("SELECT relname FROM pg_class WHERE relforcerowsecurity") == []


def test_policies_are_named_alike_and_only_the_web_role_is_closed_in(rows):
    found = rows(
        "SELECT tablename, policyname, permissive, roles::text[], lower(cmd), qual, with_check FROM pg_policies"
        " WHERE policyname NOT LIKE '%\\_tests'"
    )
    for table, name, permissive, roles, command, using, check in found:
        assert permissive == "PERMISSIVE"
        assert name == f"{table}_{roles[0].removeprefix('aanrader_')}_{command}"
        assert len(roles) == 1
        assert roles[0] in LOGINS
        if roles[0] == "aanrader_worker":
            assert (command, using) == ("all", "true")
        # Each setting stands in a sub-select, so that it is read once a statement and not once a row.
        said = f"{using} {check}"
        assert said.count("current_setting(") == len(
            re.findall(r"\( SELECT \(?(?:NULLIF\()?current_setting\(", said)
        ), name
    granted = {
        table
        for (table,) in rows(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND relnamespace = 'public'::regnamespace"
            " AND has_any_column_privilege('aanrader_worker', oid, 'SELECT, INSERT, UPDATE')"
        )
    }
    assert {table for table, _, _, roles, *_ in found if roles == ["aanrader_worker"]} == granted


def test_views_show_what_their_reader_may_see_or_say_why_not(rows):
    views = dict(
        rows(
            "SELECT relname, coalesce('security_invoker=true' = ANY (reloptions), false)"
            " FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'"
        )
    )
    assert {name for name, invoker in views.items() if not invoker} == set(OPEN_VIEWS)


def test_functions_past_the_lock_are_few_and_fixed_to_our_schema(rows):
    functions = rows(
        "SELECT proname, coalesce(array_to_string(proconfig, ','), ''),"
        " has_function_privilege('aanrader_app', oid, 'EXECUTE'),"
        " EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0)"
        " FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
    )
    assert [name for name, settings, _, _ in functions if "search_path=public, pg_temp" not in settings] == []
    assert [name for name, _, _, public in functions if public] == []
    assert {name for name, _, web_role, _ in functions if web_role} == set(WEB_FUNCTIONS)


@pytest.mark.parametrize("role", ["", "admin", "door", "webhook", "watch"])
def test_nobody_but_finance_locks_or_reserves_money(database, role):
    for call in (
        "payout_run_preview(gen_random_uuid(), now(), 2500)",
        "payout_run_reserve(gen_random_uuid(), gen_random_uuid(), now(), 2500, 'x', 1)",
    ):
        acting = db.use_scope(db.Scope(ids.new_id(), role=role))
        refused = pytest.raises(sa.exc.ProgrammingError, match="only finance")
        with acting, refused, db.transaction() as session:
            session.execute(sa.text(f"SELECT {call}"))


def test_the_worker_reads_no_secret_of_a_person(rows):
    read = {
        name
        for (name,) in rows(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'user_account'::regclass AND attnum > 0"
            " AND NOT attisdropped AND has_column_privilege('aanrader_worker', attrelid, attnum, 'SELECT')"
        )
    }
    assert read == {"id", "email", "email_key", "name", "locale", "role", "created_at", "email_verified_at",
                    "suspended_at"}  # fmt: skip
    for table in ("auth_session", "recovery_code", "email_token", "api_key", "invitation"):
        found = rows("SELECT has_any_column_privilege('aanrader_worker', %s, 'SELECT')", table)
        assert found == [(False,)], table


def test_the_web_role_reads_no_mail_and_no_event_of_stripe(rows):
    for table, columns in (("mail_message", {"sent_at", "attempts", "dropped_as"}),
                           ("stripe_event", {"id", "source", "event_id", "handled_at", "next_try_at"})):  # fmt: skip
        read = rows(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
            " AND has_column_privilege('aanrader_app', attrelid, attnum, 'SELECT')",
            table,
        )
        assert {name for (name,) in read} == columns


def test_only_known_places_act_as_no_actor_does():
    found: dict[str, set[str]] = {}
    for package in ("marketplace", "tracking", "payouts"):
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and ast.unparse(node) in WORDS:
                    found.setdefault(file.relative_to(ROOT).as_posix(), set()).add(node.attr)
    assert found == NAMED


def test_a_scope_ends_with_its_transaction(database):
    shown = sa.text("SELECT current_setting('app.role', true), current_setting('app.shop_ids', true)")
    with db.use_scope(db.Scope(ids.new_id(), (ids.new_id(),), role="admin")), db.transaction() as session:
        assert session.execute(shown).one()[0] == "admin"
    with db.engine().connect() as connection:
        # The pool gave the same connection back, and what it said of somebody else is gone.
        assert connection.execute(shown).one() == ("", "")
    with db.use_scope(db.NOBODY), db.transaction() as session:
        assert session.execute(shown).one() == ("", "{}")


def test_a_part_of_a_transaction_acts_as_another_and_goes_back(database):
    shown = sa.text("SELECT current_setting('app.role', true), current_setting('app.actor', true)")
    me = ids.new_id()
    with db.use_scope(db.Scope(me)), db.transaction() as session:
        with db.within(session, db.DOOR):
            assert session.execute(shown).one() == ("door", "")
            with session.begin_nested():
                assert session.execute(shown).one() == ("door", "")
        assert session.execute(shown).one() == ("", str(me))
        with pytest.raises(sa.exc.ProgrammingError), session.begin_nested(), db.within(session, db.DOOR):
            session.execute(sa.text("SELECT nothing"))
        assert session.execute(shown).one() == ("", str(me))


def _insert_for_somebody_else() -> dict[str, Any]:
    with db.transaction() as session:
        values = {"id": ids.new_id(), "shop": uuid.uuid4(), "canary": CANARY}
        session.execute(
            sa.text(
                "INSERT INTO feed_job (id, shop_id, size, sha256, queued_at, failure_reason)"
                " VALUES (:id, :shop, 1, '', now(), :canary)"
            ),
            values,
        )
    return {}


def _touch_what_is_not_the_webs() -> dict[str, Any]:
    with db.transaction() as session:
        session.execute(sa.text("DELETE FROM entry WHERE idem = :canary"), {"canary": CANARY})
    return {}


def _look_for_a_row_that_is_not_there() -> dict[str, Any]:
    with db.session() as session:
        session.execute(sa.text("SELECT id FROM shop WHERE code = :canary"), {"canary": CANARY}).one()
    return {}


@pytest.mark.parametrize(
    ("view", "status", "code"),
    [
        (_insert_for_somebody_else, 404, "not_found"),
        (_touch_what_is_not_the_webs, 403, "forbidden"),
        (_look_for_a_row_that_is_not_there, 404, "not_found"),
    ],
)
def test_what_the_database_refuses_looks_like_a_row_that_is_not_there(database, capsys, view, status, code):
    rooms = flask.Blueprint("hole", __name__)
    rooms.post("/hole")(policy("public", "read")(lambda: view()))
    answer = web.create_app(config.current(), [rooms]).test_client().post("/hole")
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert answer.content_type == "application/problem+json"
    said = capsys.readouterr()
    assert CANARY not in said.out + said.err + answer.text
    assert "refused_by_database" in said.err or "row_not_there" in said.err


def test_anybody_may_queue_a_mail_and_write_down_an_act_and_read_neither(database):
    with db.use_scope(db.NOBODY), db.transaction() as session:
        mail.queue(session, to="a@x.example", template="verify_email", facts={"token": "t"}, now=NOW)
        audit.record(session, ANONYMOUS, "account.sign_in_refused", "user_account", "unknown", {}, now=NOW)
        session.flush()
        assert session.execute(sa.text("SELECT count(*) FROM audit_event")).scalar_one() == 0
        assert session.execute(sa.text("SELECT count(sent_at) FROM mail_message")).scalar_one() == 0


@pytest.mark.parametrize("how", ["SUPERUSER", "BYPASSRLS", "IN ROLE aanrader_owner"])
def test_the_application_starts_as_no_role_above_the_lock(database: Database, how: str) -> None:
    name, admin = f"strong_{ids.short_code(6).lower()}", database.postgres.url("postgres", database.name)
    engine = sa.create_engine(admin, poolclass=sa.pool.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE ROLE {name} LOGIN PASSWORD 'x' {how}"))
        connection.execute(sa.text(f'GRANT CONNECT ON DATABASE "{database.name}" TO {name}'))
    try:
        db.init(database.postgres.url(name, database.name, password="x"))
        with pytest.raises(db.RefusedRole, match=name):
            db.refuse_powerful_start()
    finally:
        db.close()
        with engine.connect() as connection:
            connection.execute(sa.text(f'REVOKE CONNECT ON DATABASE "{database.name}" FROM {name}'))
            connection.execute(sa.text(f"DROP ROLE {name}"))
        engine.dispose()
