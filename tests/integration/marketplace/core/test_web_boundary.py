"""The edge of the application: one shape of refusal, guarded routes, limits, and a database that may be away."""

import dataclasses
import functools

import flask
import pytest
import sqlalchemy as sa

import wsgi
from marketplace.core import audit, clock, config, db, migrate, web
from marketplace.core.actor import SYSTEM
from marketplace.core.api import ApiBlueprint
from marketplace.core.policy import policy
from marketplace.core.schemas import Integer, Schema
from tests.applications import application

PROBLEM = {"type", "title", "status", "code", "detail", "unchanged", "next", "errors"}


class Body(Schema):
    number = Integer(required=True)


@functools.cache
def make_blueprint():
    blueprint = ApiBlueprint("echo", __name__, url_prefix="/echo")

    @blueprint.post("/")
    @policy("public", "read")
    @blueprint.arguments(Body)
    @blueprint.response(200, Body)
    def echo(body):
        return body

    @blueprint.get("/broken")
    @policy("public", "read")
    def broken():
        raise RuntimeError("secret detail")

    return blueprint


@pytest.fixture
def client(database):
    wsgi.register()
    app = application([*wsgi.blueprints(), make_blueprint()])
    return app.test_client()


def problem(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert set(answer.json) == PROBLEM
    return answer.json


def test_every_refusal_has_the_same_shape(client):
    problem(client.get("/nothing"), 404)
    assert "GET" in client.post("/health").headers["Allow"]
    problem(client.post("/health"), 405)
    problem(client.post("/echo/", data=b"{", content_type="application/json"), 400)
    problem(client.post("/echo/", data=b"a=1", content_type="text/plain"), 415)
    assert problem(client.post("/echo/", json={"number": "1"}), 422)["errors"] == {
        "number": ["Not a whole number."]
    }
    assert problem(client.post("/echo/", json={"number": 1, "role": "admin"}), 422)["errors"] == {
        "role": ["Unknown field."]
    }
    problem(client.post("/echo/", json=[1]), 422)
    problem(client.post("/echo/", data=b" " * 1_000_001, content_type="application/json"), 413)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"number": ' + b"9" * 5000 + b"}", b'{"number": NaN}'])
def test_hostile_json_is_refused_and_never_an_error_of_ours(client, body):
    problem(client.post("/echo/", data=body, content_type="application/json"), 422)


def test_an_unforeseen_error_shows_no_detail(client):
    assert "secret" not in client.get("/echo/broken").text
    problem(client.get("/echo/broken"), 500)


def test_answers_carry_the_headers_of_the_house(client):
    headers = client.get("/health").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert "Authorization" in headers["Vary"]


def test_a_route_without_policy_stops_the_start(database):
    bare = flask.Blueprint("bare", __name__)
    bare.add_url_rule("/bare", view_func=lambda: "x")
    with pytest.raises(web.UnguardedRoute, match="/bare"):
        application([bare])


def test_a_database_that_is_away_is_a_503_that_says_when_to_come_back(client):
    db.init("postgresql+psycopg://nobody:x@/nothing?host=/nonexistent", clock_moves=True)
    answer = client.get("/health")
    problem(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0


def test_the_product_does_not_start_with_a_powerful_role(database):
    with pytest.raises(db.RefusedRole, match="bootstrap"):
        wsgi.build_app(dataclasses.replace(config.current(), database_url=database.url("bootstrap")))
    with pytest.raises(db.RefusedRole), db.transaction() as session:
        session.execute(sa.text("SELECT 1"))


def test_a_database_that_is_away_does_not_keep_the_product_from_starting(database):
    db.init("postgresql+psycopg://nobody:x@/nothing?host=/nonexistent")
    db.refuse_powerful_start()


def insert_and_fail(insert):
    with db.transaction() as session:
        session.execute(insert)
        raise ZeroDivisionError


def test_a_transaction_commits_at_its_end_and_not_when_something_fails(database):
    database.open("worker")
    insert = sa.text("INSERT INTO heartbeat VALUES ('x', 0, now())")
    with pytest.raises(ZeroDivisionError):
        insert_and_fail(insert)
    nudges = []
    with db.transaction() as session:
        assert session.execute(sa.text("SELECT count(*) FROM heartbeat")).scalar() == 0
        session.execute(insert)
        db.after_commit(session, lambda: nudges.append(1))
        assert not nudges
    assert nudges == [1]


def test_history_refuses_change_by_everybody(database):
    engine = sa.create_engine(database.url("bootstrap"), poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        migrate.prepare_connection(connection)
        for statement in (
            "DELETE FROM audit_event",
            "UPDATE audit_event SET actor = 'x'",
            "TRUNCATE audit_event",
        ):
            with pytest.raises(sa.exc.ProgrammingError, match="history"):
                connection.execute(sa.text(statement))
            connection.rollback()
            connection.execute(sa.text("SET ROLE aanrader_owner"))


def test_business_time_never_goes_back_once_something_happened(database):
    database.open("worker")
    with db.transaction() as session:
        audit.record(session, SYSTEM, "test.happen", "thing", 1, now=clock.now())
    engine = sa.create_engine(database.url("bootstrap"), poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        migrate.prepare_connection(connection)
        connection.execute(sa.text("UPDATE business_clock SET offset_seconds = 10"))
        connection.commit()
        with pytest.raises(sa.exc.IntegrityError, match="never goes back"):
            connection.execute(sa.text("UPDATE business_clock SET offset_seconds = 9"))


def test_migrations_go_down_and_up_again(pg):
    pg.create_database("up_and_down")
    url = pg.url("bootstrap", "up_and_down")
    migrate.upgrade(url, {})
    migrate.downgrade(url, "base")
    migrate.upgrade(url, {})
    pg.drop("up_and_down")
