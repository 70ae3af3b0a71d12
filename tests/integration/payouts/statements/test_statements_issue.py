"""A statement per payout: down to the order line, equal to the cent, and never changed."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
import sqlalchemy as sa

from marketplace.core import clock, db, ids
from marketplace.offers.models import CommissionTerms, Offer
from payouts.accrual import service as accrual
from payouts.statements import document, registration, service
from payouts.statements.models import Statement
from tests.integration.payouts.settling import Paid, World
from tracking.commissions.models import Commission, CommissionMove
from tracking.orders.models import OrderLine, ShopOrder


def earned_by_order(world: World, adviser: Paid) -> Commission:
    """Write an order of 400.00 at 10 %, a refund of a quarter of it, and its approval; post what is due."""
    now = world.now() - dt.timedelta(days=40)
    with world.rows() as session:
        offer = Offer(
            id=ids.new_id(), shop_id=world.shop_id, code=ids.short_code(), name="All", currency="EUR"
        )
        offer.description, offer.state, offer.notice_days = "", "open", 7
        session.add(offer)
        session.flush()
        terms = CommissionTerms(id=ids.new_id(), offer_id=offer.id, version=3, effective_from=now)
        terms.published_at, terms.published_by = now, world.owner.user_id
        terms.document, terms.sha256 = {"default": {"percent_bp": 1000}}, bytes(32)
        terms.window_days, terms.hold_days, terms.shop_id, terms.currency = 30, 30, world.shop_id, "EUR"
        order = ShopOrder(
            id=ids.new_id(),
            shop_id=world.shop_id,
            mode="live",
            order_ref="A-1001",
            source="api",
            ordered_at=now,
            received_at=now,
            is_reported_late=False,
            currency="EUR",
            channel="web",
            shipping_net_minor=0,
            shipping_tax_minor=0,
        )
        session.add_all([terms, order])
        session.flush()
        session.add(
            OrderLine(
                id=ids.new_id(),
                order_id=order.id,
                shop_id=world.shop_id,
                position=1,
                line_ref="1",
                sku="LAMP-9",
                title="Reading lamp",
                quantity=4,
                net_minor=40_000,
                tax_minor=8_400,
                is_gift_card=False,
                currency="EUR",
                received_at=now,
            )
        )
        commission = Commission(
            id=ids.new_id(),
            order_id=order.id,
            shop_id=world.shop_id,
            adviser_id=adviser.id,
            offer_id=offer.id,
            currency="EUR",
            mode="live",
            created_at=now,
        )
        session.add(commission)
        session.flush()

        def told(base: str, amount: str) -> dict[str, object]:
            line = {"line_ref": "1", "sku": "LAMP-9", "source": "default", "rule": None}
            figures = {
                "base": {"amount": base, "currency": "EUR"},
                "amount": {"amount": amount, "currency": "EUR"},
            }
            return {"terms_version": 3, "lines": [line | figures | {"rate": {"percent_bp": 1000}}]}

        steps: tuple[tuple[str, int, int, str, dict[str, object]], ...] = (
            ("earned", 4_000, 4_000, "order", told("400.00", "40.00")),
            ("reversed", -1_000, 3_000, "refund", told("300.00", "30.00")),
            ("approved", 0, 3_000, "hold ended", {}),
        )
        for seq, (kind, delta, standing, cause, detail) in enumerate(steps, start=1):
            session.add(
                CommissionMove(
                    id=ids.new_id(),
                    commission_id=commission.id,
                    seq=seq,
                    kind=kind,
                    delta_minor=delta,
                    standing_minor=standing,
                    currency="EUR",
                    cause=cause,
                    terms_id=terms.id,
                    at=now + dt.timedelta(days=seq),
                    detail=detail,
                )
            )
            session.flush()
    world.play("worker")
    while db.run_in_transaction(lambda session: accrual.post_due(session, clock.now())):
        pass
    return commission


def issued(world: World) -> list[Statement]:
    """Issue what is due and return all statements."""
    world.play("worker")
    registration.issue_due()
    return world.read(lambda session: list(session.scalars(sa.select(Statement).order_by(Statement.id))))


def test_a_statement_tells_every_cent_down_to_the_order_line(world: World) -> None:
    world.budget(100_000)
    adviser = world.adviser()
    commission = earned_by_order(world, adviser)
    world.earn(adviser.id, 700)
    run = world.start()
    world.work(run)
    [payout] = world.payouts(run)
    assert payout.amount_minor == 3_700
    [row] = issued(world)
    assert row.amount_minor == 3_700
    assert row.number == f"S-{run.number[2:]}-0001"
    told = row.document
    assert told["total"] == {"amount": "37.00", "currency": "EUR"}
    [order] = told["orders"]
    assert order["commission_id"] == str(commission.id)
    assert (order["order_ref"], order["terms_version"], order["shop"]) == ("A-1001", 3, "Lamp & Co")
    assert order["earned"]["amount"] == "40.00"
    assert [(one["amount"]["amount"], one["cause"]) for one in order["refunds"]] == [("-10.00", "refund")]
    assert (order["standing"]["amount"], order["in_this_payout"]["amount"]) == ("30.00", "30.00")
    [line] = order["lines"]
    assert (line["title"], line["quantity"], line["base"]["amount"]) == ("Reading lamp", 4, "300.00")
    assert line["rate"] == {"percent_bp": 1000}
    assert [one["amount"]["amount"] for one in told["other"]] == ["7.00"]
    assert told["by_shop"] == [
        {"shop_id": str(world.shop_id), "amount": {"amount": "37.00", "currency": "EUR"}}
    ]
    assert row.sha256 == document.digest(told)
    assert [one.id for one in issued(world)] == [row.id]
    assert world.read(registration.statements_hold).holds
    assert world.read(lambda session: registration.statements_due(session, clock.now())) == 0


def test_money_that_came_back_is_told_by_its_own_lines(world: World) -> None:
    world.budget(100_000)
    adviser = world.adviser()
    earned_by_order(world, adviser)
    for _ in range(2):
        run = world.start()
        world.sandbox.ask("settings", {"transfer_minimum": 5_000})
        world.work(run)
        assert [payout.state for payout in world.payouts(run)] == ["released"]
    assert issued(world) == []
    world.sandbox.ask("settings", {"transfer_minimum": 1})
    run = world.start()
    world.work(run)
    [row] = issued(world)
    assert row.amount_minor == 3_000
    assert [order["order_ref"] for order in row.document["orders"]] == ["A-1001"]
    assert row.document["other"] == []


def test_statements_are_read_by_their_adviser_and_by_finance_only(world: World) -> None:
    world.budget(100_000)
    mine, other = world.adviser(earned=4_000), world.adviser(earned=5_000)
    world.work(world.start())
    rows = issued(world)
    assert len(rows) == 2
    [own] = [row for row in rows if row.adviser_id == mine.id]
    headers = {"Authorization": f"Bearer {mine.key}"}
    status, listed = world.call("GET", "/statements", headers)
    assert (status, [one["id"] for one in listed["items"]]) == (200, [str(own.id)])
    status, whole = world.call("GET", f"/statements/{own.id}", headers)
    assert (status, whole["sha256"]) == (200, own.sha256)
    assert document.digest(whole["document"]) == own.sha256
    assert world.call("GET", f"/statements/{own.id}", {"Authorization": f"Bearer {other.key}"})[0] == 404
    assert world.call("GET", f"/statements/{uuid.uuid4()}", headers)[0] == 404
    for address in (f"/api/v1/statements/{own.id}.pdf", f"/adviser/statements/{own.id}.pdf"):
        paper = world.client.get(address, headers=headers)
        assert (paper.status_code, paper.mimetype, paper.data[:5]) == (200, "application/pdf", b"%PDF-")
        assert paper.headers["Content-Disposition"] == f'inline; filename="aanrader-{own.number}.pdf"'
        assert "no-store" in paper.headers["Cache-Control"]
        assert world.client.get(address, headers={"Authorization": f"Bearer {other.key}"}).status_code == 404
        assert world.client.get(address).status_code == 401
    assert world.call("GET", "/statements")[0] == 401
    assert world.call("GET", "/statements", {"Authorization": f"Bearer {world.shop_key}"})[0] == 403
    finance = {"Authorization": f"Bearer {world.maker.key}"}
    status, first = world.call("GET", "/statements?limit=1", finance)
    assert len(first["items"]) == 1
    status, second = world.call("GET", f"/statements?limit=1&cursor={first['next_cursor']}", finance)
    assert {first["items"][0]["id"], second["items"][0]["id"]} == {str(row.id) for row in rows}
    assert second["next_cursor"] is None
    for bad in ("cursor=zzz", "cursor=WyJhIl0", "cursor=WyJcdTAwMDAiXQ", "limit=0", "other=1"):
        assert world.call("GET", f"/statements?{bad}", finance)[0] == 422


def test_a_statement_never_changes_and_a_changed_one_is_noticed(world: World) -> None:
    world.budget(100_000)
    world.adviser(earned=4_000)
    world.work(world.start())
    issued(world)
    with pytest.raises(sa.exc.DBAPIError), world.rows() as session:
        session.execute(sa.text("UPDATE statement SET amount_minor = 1"))
    with world.superuser() as connection:
        connection.exec_driver_sql("ALTER TABLE statement DISABLE TRIGGER USER")
        connection.exec_driver_sql(
            "UPDATE statement SET document = jsonb_set(document, '{total,amount}', '\"400.00\"')"
        )
    assert world.read(registration.statements_hold).figure == 1


def test_a_statement_whose_lines_do_not_sum_is_not_issued(world: World) -> None:
    world.budget(100_000)
    world.adviser(earned=4_000)
    run = world.start()
    world.work(run)
    [payout] = world.payouts(run)
    with world.superuser() as connection:
        connection.exec_driver_sql("ALTER TABLE payout_line DISABLE TRIGGER USER")
        connection.exec_driver_sql("UPDATE payout_line SET amount_minor = 3999")
    world.play("worker")
    with pytest.raises(document.StatementDiffers), db.transaction() as session:
        service.issue(session, payout.id, clock.now())
