"""The certificate: Stripe against the books, to the cent, after everything that can go wrong."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

from marketplace.core import clock, hooks
from marketplace.core.money import Money
from payouts.reconciliation import importing, promises, registration
from payouts.reconciliation.models import BalanceTxRow, Certificate, ReconImport
from payouts.reconciliation.report import report
from payouts.settlement.gateway import TransferOrder
from payouts.settlement.models import Break
from tests.integration.payouts.settling import World


def reconcile(world: World) -> Certificate:
    """Ask for an import, carry it out, and return the certificate of the euro."""
    asked = world.web(lambda session: importing.ask(session, "test", world.now())).id
    world.play("worker")
    [made] = [one for one in importing.run(world.gateway, asked, clock.now) if one.currency == "EUR"]
    return made


def breaks(world: World) -> list[Break]:
    """Return every difference that was ever seen."""
    return world.read(lambda session: list(session.scalars(sa.select(Break).order_by(Break.first_seen_at))))


def test_an_empty_house_agrees(world: World) -> None:
    made = reconcile(world)
    assert (made.ledger_minor, made.stripe_minor, made.difference_minor) == (0, 0, 0)


def test_the_whole_way_ends_at_nothing(world: World) -> None:
    headers = world.token(world.owner.user_id)
    _, body = world.call("POST", "/funding", headers, amount={"amount": "500.00", "currency": "EUR"})
    world.sandbox.click(body["url"])
    world.deliver()
    world.handle()
    for n in range(3):
        world.adviser(earned=5_000 + n)
    run = world.start()
    world.sandbox.fault("drop_after", nth=2)
    world.work(run)
    world.advance(minutes=1)
    world.work(run)
    made = reconcile(world)
    fee = 50_000 * 15 // 1000 + 25
    assert made.stripe_minor == made.ledger_minor == made.movements_minor == 50_000 - fee - 15_003
    assert (made.difference_minor, made.explained_minor, made.movements) == (0, 0, 4)
    assert breaks(world) == []
    for check in (
        promises.certificate_difference,
        promises.movements_are_whole,
        promises.transfers_equal_payouts,
    ):
        finding = world.read(check)
        assert finding.holds
        assert finding.rows_seen > 0


def test_importing_again_changes_nothing(world: World) -> None:
    world.budget(10_000)
    first = reconcile(world)
    again = reconcile(world)
    assert (first.movements, again.movements) == (1, 1)
    imports = world.read(
        lambda session: list(session.scalars(sa.select(ReconImport).order_by(ReconImport.id)))
    )
    assert [(one.state, one.seen, one.new) for one in imports] == [("finished", 1, 1), ("finished", 1, 0)]


def test_more_than_a_page_and_the_overlap(world: World) -> None:
    world.budget(1_000)
    for _ in range(120):
        world.sandbox.act("balance.fee", amount=1, currency="eur")
    made = reconcile(world)
    assert (made.movements, made.difference_minor) == (121, 0)
    world.advance(days=3)
    world.sandbox.act("balance.fee", amount=2, currency="eur")
    made = reconcile(world)
    assert (made.movements, made.difference_minor, made.stripe_minor) == (122, 0, 1_000 - 122)
    # The next one looks back a day before the newest movement, not to the beginning.
    reconcile(world)
    imports = world.read(
        lambda session: list(session.scalars(sa.select(ReconImport).order_by(ReconImport.id)))
    )
    assert [(one.seen, one.new) for one in imports] == [(121, 121), (122, 1), (1, 0)]


def test_stripes_own_fees_are_booked_as_cost_once(world: World) -> None:
    world.budget(10_000)
    world.sandbox.act("balance.fee", amount=215, currency="eur", description="Active accounts")
    for _ in range(2):
        assert reconcile(world).difference_minor == 0
    assert world.balance("platform:stripe_cost") == 215
    assert world.balance("stripe:platform_balance") == 9_785


def test_an_answer_in_transit_is_explained_for_15_minutes_only(world: World) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.start()
    world.sandbox.fault("drop_after")
    world.work(run)
    made = reconcile(world)
    assert (made.stripe_minor - made.ledger_minor, made.explained_minor, made.difference_minor) == (
        -4_000,
        -4_000,
        0,
    )
    [found] = breaks(world)
    assert (found.kind, found.state) == ("missing_in_ledger", "explained")
    world.advance(minutes=16)
    made = reconcile(world)
    assert (made.explained_minor, made.difference_minor) == (0, -4_000)
    [again] = breaks(world)
    assert (again.id, again.state, again.first_seen_at) == (found.id, "open", found.first_seen_at)
    assert not world.read(promises.certificate_difference).holds
    world.work(run)
    assert reconcile(world).difference_minor == 0
    [corrected] = breaks(world)
    assert (corrected.id, corrected.state) == (found.id, "corrected")
    assert corrected.resolved_at is not None


def test_a_transfer_by_hand_is_a_difference_that_keeps_its_id_and_ages(world: World) -> None:
    world.budget(50_000)
    adviser = world.adviser()
    account = world.account_of(adviser.id).stripe_account_id
    by_hand = world.gateway.create_transfer(
        "by-hand", TransferOrder(uuid.uuid4(), 1, Money(1_234, "EUR"), account or "", "by hand")
    )
    made = reconcile(world)
    assert made.difference_minor == -1_234
    [found] = breaks(world)
    assert (found.kind, found.facts["source_id"], found.amount_minor) == (
        "missing_in_ledger",
        by_hand.transfer_id,
        -1_234,
    )
    world.advance(days=14)
    assert reconcile(world).difference_minor == -1_234
    [again] = breaks(world)
    assert again.id == found.id
    shown = world.read(lambda session: report(session, clock.now()))
    [part] = shown["differences"]
    assert (part["kind"], part["age"], part["count"]) == ("missing_in_ledger", "6-10", 1)
    assert part["amount"] == {"amount": "-12.34", "currency": "EUR"}


def test_a_second_transfer_for_one_payout_is_named_so(world: World) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    run = world.start()
    world.work(run)
    [payout] = world.payouts(run)
    world.gateway.create_transfer(
        "by-hand", TransferOrder(payout.id, 9, payout.amount, payout.destination, "by hand")
    )
    assert reconcile(world).difference_minor == -4_000
    assert [one.kind for one in breaks(world)] == ["duplicate"]
    assert world.read(promises.transfers_equal_payouts).figure == 4_000


def test_money_paid_on_a_page_before_its_webhook_is_explained(world: World) -> None:
    headers = world.token(world.owner.user_id)
    _, body = world.call("POST", "/funding", headers, amount={"amount": "200.00", "currency": "EUR"})
    world.sandbox.click(body["url"])
    made = reconcile(world)
    assert (made.explained_minor, made.difference_minor) == (19_675, 0)
    world.deliver()
    world.handle()
    assert reconcile(world).explained_minor == 0


def test_the_sweep_imports_when_the_books_moved_and_rests_otherwise(world: World) -> None:
    world.budget(10_000)
    world.play("worker")
    assert registration.run_due() == 1
    assert registration.run_due() == 0
    assert hooks.lags["imports_due"] is not None
    world.adviser(earned=4_000)
    run = world.start()
    world.work(run)
    assert world.read(lambda session: promises.imports_due(session, clock.now())) == 1
    assert not world.read(promises.certificate_difference).holds
    assert registration.run_due() == 1
    assert world.read(lambda session: promises.imports_due(session, clock.now())) == 0
    assert world.read(promises.certificate_difference).holds
    world.advance(minutes=16)
    world.play("worker")
    assert registration.run_due() == 1


def test_over_http_finance_asks_and_reads(world: World) -> None:
    world.budget(10_000)
    finance = {"Authorization": f"Bearer {world.maker.key}"}
    adviser = world.adviser(connected=False)
    assert world.call("POST", "/reconciliation/import", {"Authorization": f"Bearer {adviser.key}"})[0] == 403
    assert world.call("GET", "/reconciliation")[0] == 401
    status, body = world.call("POST", "/reconciliation/import", finance)
    assert (status, body["state"]) == (202, "asked")
    assert world.call("POST", "/reconciliation/import", finance)[1]["id"] == body["id"]
    world.play("worker")
    registration.run_one(body["id"])
    status, shown = world.call("GET", "/reconciliation", finance)
    assert status == 200
    [certificate] = shown["certificates"]
    assert certificate["difference"] == {"amount": "0.00", "currency": "EUR"}
    assert certificate["ledger"] == certificate["stripe"] == {"amount": "100.00", "currency": "EUR"}
    assert (shown["imports_waiting"], shown["differences"]) == (0, [])


def test_movements_and_certificates_are_history(world: World) -> None:
    world.budget(10_000)
    reconcile(world)
    for change in (
        "UPDATE balance_tx SET net_minor = 0, amount_minor = 0",
        "DELETE FROM balance_tx",
        "UPDATE recon_certificate SET difference_minor = 0",
        "TRUNCATE recon_certificate",
    ):
        refused: Any = None
        try:
            with world.rows() as session:
                session.execute(sa.text(change))
        except sa.exc.DBAPIError as error:
            refused = error
        assert refused is not None, change
    count = world.read(lambda session: session.scalar(sa.select(sa.func.count()).select_from(BalanceTxRow)))
    assert count == 1
    assert uuid.UUID(int=0) != reconcile(world).id
