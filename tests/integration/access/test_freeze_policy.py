"""Stopping all payouts is for finance, for the command line and for a restore: PostgreSQL refuses it to everybody else."""

import pytest
import sqlalchemy as sa

from marketplace.core import db, ids
from payouts.settlement import freeze


@pytest.mark.parametrize("role", ["", "admin", "door", "webhook", "watch"])
def test_policy_of_the_freeze_lets_nobody_but_finance_stop_money(database, role):
    acting = db.use_scope(db.Scope(ids.new_id(), (ids.new_id(),), ids.new_id(), role=role))
    refused = pytest.raises(sa.exc.ProgrammingError, match="only finance")
    with acting, refused, db.transaction() as session:
        session.execute(sa.text("SELECT payout_freeze_by_hand('x', now(), 'x')"))


def test_policy_of_the_freeze_lets_finance_stop_money(database):
    with db.use_scope(db.Scope(ids.new_id(), role="finance")), db.transaction() as session:
        session.execute(sa.text("SELECT payout_freeze_by_hand('x', now(), 'x')"))
        assert session.scalar(sa.text("SELECT reason FROM payout_freeze")) == "by_hand"


@pytest.mark.parametrize("login", ["app", "worker"])
def test_policy_of_the_freeze_lets_only_a_restore_say_that_the_books_went_back(database, login):
    database.open(login)
    refused = pytest.raises(sa.exc.ProgrammingError, match="permission denied")
    with db.use_scope(db.Scope(ids.new_id(), role="finance")), refused, db.transaction() as session:
        session.execute(sa.text("SELECT payout_freeze_begin('restore', 'x', now(), now(), 'x')"))


@pytest.mark.parametrize("login", ["app", "worker"])
def test_policy_of_the_freeze_lets_the_command_line_stop_money_with_any_login_of_ours(database, login):
    database.open(login)
    assert freeze.run(["restored", "by", "hand"]) == 0
    with db.use_scope(db.Scope(role="finance")), db.transaction() as session:
        assert session.scalar(sa.text("SELECT note FROM payout_freeze")) == "restored by hand"
