"""The matrix decides: absent is refused, a 2 wants a fresh proof, a key acts within its scopes."""

import dataclasses
import datetime as dt
import uuid

import pytest

from marketplace.core import errors, policy
from marketplace.core.actor import ANONYMOUS, Actor

WALL = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
OWNER = Actor(user_id=uuid.uuid4(), roles=frozenset({"owner"}), via="token", password_at=WALL)


def rule(**marks):
    totp = marks.pop("totp_in_body", False)
    return policy.Rule("things", "change", marks, totp_in_body=totp)


def test_what_the_matrix_does_not_say_is_refused():
    with pytest.raises(errors.NotAuthenticated):
        policy.check(rule(owner="yes"), ANONYMOUS, WALL)
    with pytest.raises(errors.Forbidden):
        policy.check(rule(finance="yes"), OWNER, WALL)
    policy.check(rule(owner="yes"), OWNER, WALL)


@pytest.mark.parametrize("age_minutes", [31, 600])
def test_a_two_wants_a_password_of_the_last_half_hour(age_minutes):
    stale = dataclasses.replace(OWNER, password_at=WALL - dt.timedelta(minutes=age_minutes))
    policy.check(rule(owner="2"), OWNER, WALL)
    with pytest.raises(errors.ReauthenticationNeeded):
        policy.check(rule(owner="2"), stale, WALL)


def test_a_two_wants_the_second_factor_where_enrolled():
    enrolled = dataclasses.replace(OWNER, totp_enrolled=True)
    with pytest.raises(errors.ReauthenticationNeeded):
        policy.check(rule(owner="2"), enrolled, WALL)
    policy.check(rule(owner="2"), dataclasses.replace(enrolled, totp_at=WALL), WALL)


def test_a_key_satisfies_a_two_only_where_the_body_carries_the_code():
    key = dataclasses.replace(OWNER, via="key", roles=frozenset({"finance"}))
    with pytest.raises(errors.ReauthenticationNeeded):
        policy.check(rule(finance="2"), key, WALL)
    policy.check(rule(finance="2", totp_in_body=True), key, WALL)


def test_a_shop_key_has_its_own_column_and_its_scopes():
    key = dataclasses.replace(OWNER, via="key", key_shop_id=uuid.uuid4())
    with pytest.raises(errors.Forbidden):
        policy.check(rule(owner="yes"), key, WALL)
    policy.check(rule(shop_key="yes"), key, WALL)
    scoped = dataclasses.replace(key, scopes=("orders:*",))
    with pytest.raises(errors.Forbidden):
        policy.check(rule(shop_key="yes"), scoped, WALL)
    policy.check(rule(shop_key="yes"), dataclasses.replace(key, scopes=("things:change",)), WALL)


def test_a_route_can_not_name_a_row_that_is_not_there():
    with pytest.raises(policy.UnknownPolicy):
        policy.policy("nothing", "at all")
