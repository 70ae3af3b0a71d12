"""Each login role holds what its process needs, and the log of a failed statement holds no value of it."""

import pytest
import sqlalchemy as sa

from marketplace.core import db
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
