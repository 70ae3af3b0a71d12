"""Each login role holds what its process needs, and the log of a failed statement holds no value of it."""

import json

import pytest
import sqlalchemy as sa
import structlog

from marketplace.core import db, logs
from tests.conftest import TEMPLATE


@pytest.mark.parametrize(("role", "may"), [("app", False), ("edge", False), ("worker", True)])
def test_only_the_worker_makes_temporary_tables(pg, role, may):
    engine = sa.create_engine(pg.url("bootstrap", TEMPLATE), poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        query = sa.text("SELECT has_database_privilege(:role, current_database(), 'TEMPORARY')")
        assert connection.scalar(query, {"role": f"aanrader_{role}"}) is may
    engine.dispose()


def test_a_failed_statement_names_no_value_that_it_was_given(database):
    with pytest.raises(sa.exc.DBAPIError) as failed, db.transaction() as session:
        session.execute(sa.text("SELECT nothing FROM nowhere WHERE token = :token"), {"token": "canary-3f9"})
    assert "canary-3f9" not in str(failed.value)


def test_the_log_of_a_broken_promise_holds_no_row(database, capsys):
    # As a process begins, whatever an earlier test left to its own log.
    logs.configure()
    row = {"mail": "canary-mail@example.test", "hash": "canary-hash", "name": "two\nlines"}
    statement = (
        "INSERT INTO user_account (id, email, email_key, name, password_hash, session_key, locale)"
        " VALUES (gen_random_uuid(), :mail, :mail, :name, :hash, 'k', 'xx')"
    )
    with pytest.raises(sa.exc.IntegrityError) as refused, db.transaction() as session:
        session.execute(sa.text(statement), row)
    error = refused.value
    structlog.get_logger("test").error("request_failed", error=repr(error), exc_info=error)
    line = json.loads(capsys.readouterr().err)
    assert "ck_user_account_locale" in line["exception"]
    assert "test_database_rights.py" in line["exception"]
    assert "canary" not in json.dumps(line)
