"""Every commit of money, every call to Stripe and every write of a click stands between two failpoints of its own."""

import os
import signal
import subprocess
import sys

import pytest

from marketplace.core import config, failpoints
from marketplace.devtools.failpoints import breaches, names
from marketplace.devtools.house_rules import Module
from marketplace.devtools.state import PROJECT

PLANTED = [
    ("payouts/runs/api.py", 'transaction(point="runs.create")', "transaction()"),
    ("payouts/runs/api.py", 'point="runs.approve"', "point=name"),
    ("payouts/settlement/sending.py", 'point="payout.claim"', 'point=f"payout.{step}"'),
    ("payouts/settlement/sending.py", 'point="payout.claim"', 'point="payout.paid"'),
    ("payouts/settlement/sending.py", 'point="payout.claim"', 'point="runs.finish"'),
    ("tracking/commissions/api_orders.py", 'point="orders.report"', "tries=3"),
    (
        "tracking/commissions/api_orders.py",
        "import run_in_transaction",
        "import run_in_transaction as quietly",
    ),
    ("tracking/links/api.py", 'point="links.create"', ""),
    ("marketplace/offers/api_offers.py", 'point="offers.publish"', ""),
    (
        "payouts/settlement/stripe_gateway.py",
        'self._write("accounts.create", self._client',
        "print(self._client",
    ),
    ("payouts/settlement/stripe_gateway.py", '"balance.retrieve"', "call"),
    ("payouts/settlement/stripe_gateway.py", '"payouts.list"', '"transfers.list"'),
    ("payouts/settlement/stripe_gateway.py", 'reach(f"stripe.{call}", "after")', 'reach("", "")'),
    ("tracking/touches/storing.py", 'failpoints.reach("touches.ship", "before_commit")', "pass"),
    ("tracking/touches/storing.py", 'failpoints.reach("touches.ship", "after_commit")', "pass"),
    ("tracking/touches/ship.py", 'failpoints.reach("touches.position", "after_write")', "pass"),
    ("tracking/edge/spool.py", 'failpoints.reach("edge.click", "before_write")', "pass"),
    ("tracking/edge/spool.py", 'failpoints.reach("edge.rotate", "after_write")', "pass"),
]


def test_no_commit_of_money_and_no_call_to_stripe_is_without_its_failpoint(product):
    assert [f"{path}:{one.line} {one.sentence}" for path, one in breaches(product)] == []


@pytest.mark.parametrize(("path", "was", "becomes"), PLANTED)
def test_a_missing_failpoint_is_found(product, path, was, becomes):
    # Beside the module itself only one that a point may be taken from: reading all for each plant would take a minute.
    few = [one for one in product if one.path in (path, "payouts/runs/execution.py")]
    assert list(breaches(few)) == []
    planted = [Module.of(path, one.source.replace(was, becomes)) if one.path == path else one for one in few]
    assert [one.source for one in planted] != [one.source for one in few], "nothing was planted"
    assert list(breaches(planted)) != []


def test_a_transaction_of_money_that_begins_by_itself_is_found():
    new = Module.of(
        "payouts/runs/extra.py", "with engine().begin() as connection:\n    connection.execute(x)"
    )
    assert [path for path, _ in breaches([new])] == ["payouts/runs/extra.py"]


def test_the_names_cover_the_steps_of_a_payout_the_books_orders_and_clicks():
    found = names()
    assert len(found) == len(set(found)) > 150
    for point in (
        "payout.claim",
        "payout.attempt",
        "payout.paid",
        "accrual.post",
        "orders.report",
        "touches.ship",
    ):
        assert {f"{point}.before_commit", f"{point}.after_commit"} <= set(found)
    assert {
        "stripe.transfers.create.before",
        "stripe.transfers.create.after",
        "edge.click.after_write",
    } <= set(found)


@pytest.fixture
def disarmed():
    yield
    failpoints.watch(None)


def test_a_failpoint_does_nothing_unless_it_is_armed_with_its_own_name(disarmed):
    failpoints.reach("payout.claim", "before_commit")
    failpoints.arm("payout.claim.before_commit:raise:2")
    failpoints.reach("payout.claim", "after_commit")
    failpoints.reach("payout.claim", "before_commit")
    with pytest.raises(failpoints.Reached):
        failpoints.reach("payout.claim", "before_commit")
    failpoints.reach("payout.claim", "before_commit")


def test_an_armed_failpoint_ends_the_process_at_once(disarmed):
    program = (
        "from marketplace.core import config, failpoints\n"
        "config.current()\n"
        "failpoints.reach('a', 'b')\n"
        "print('went on')"
    )
    env = {**os.environ, "AANRADER_MODE": "test", "AANRADER_FAILPOINT": "a.b:kill"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, cwd=PROJECT, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"")


@pytest.mark.parametrize("text", ["a.b", "a.b:stop", ":kill", "a.b:kill:0", "a.b:kill:x"])
def test_a_failpoint_that_cannot_be_read_is_refused(disarmed, text):
    with pytest.raises(failpoints.NotAFailpoint):
        failpoints.arm(text)
    with pytest.raises(config.SettingsError, match="AANRADER_FAILPOINT"):
        config.use(config.Settings(mode="test", failpoint=text))


def test_production_refuses_every_failpoint(disarmed):
    env = {"AANRADER_MODE": "production", "AANRADER_FAILPOINT": "payout.claim.before_commit:kill"}
    with pytest.raises(config.SettingsError, match="AANRADER_FAILPOINT"):
        config.load(env)
    with pytest.raises(config.SettingsError, match="AANRADER_FAILPOINT"):
        config.use(config.Settings(mode="production", failpoint="payout.claim.before_commit:kill"))
    assert failpoints._hook is None
