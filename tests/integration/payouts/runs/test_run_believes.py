"""What approving a run believes of its preview, and what it looks at again: no posting slips between the two."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from marketplace.core import clock, db, ids
from marketplace.core.money import Money
from payouts.ledger import service as ledger
from payouts.ledger.accounts import Account
from payouts.ledger.entries import Entry, credit, debit
from payouts.runs import service as runs
from payouts.settlement import attempts
from tests.integration.payouts.settling import World

ADVISERS = 3


def post(session: sa.orm.Session, world: World, adviser_id: object, cents: int) -> None:
    """Let an adviser earn in a transaction that is still open."""
    amount = Money(cents, "EUR")
    lines = (
        debit(Account("shop:prepaid", world.shop_id, "EUR"), amount, world.shop_id),
        credit(Account("adviser:available", adviser_id, "EUR"), amount, world.shop_id),  # type: ignore[arg-type]
    )
    ledger.post(session, [Entry(f"earn:{ids.new_id()}", "accrue", clock.now(), lines)])


@pytest.mark.parametrize("place", ["paid", "left out", "none", "paid before"])
def test_an_entry_older_than_the_preview_that_commits_after_it_makes_the_run_stale(
    world: World, place: str
) -> None:
    world.budget(100_000)
    late = world.adviser(earned={"paid": 3_000, "left out": 100, "none": 0, "paid before": 3_000}[place])
    if place == "paid before":
        world.work(world.start())
    payee = world.adviser()
    with world.rows() as session:
        post(session, world, late.id, 2_600)
        # Another shop's budget is not waited for: the rows of this one are locked by what is under way.
        with world.rows() as other:
            other.execute(sa.text("SET LOCAL lock_timeout = '5s'"))
            for kind in ("platform:writeoff", "platform:rounding"):
                ledger.open_accounts(other, [Account(kind, None, "EUR")])
            ledger.open_accounts(other, [Account("adviser:available", payee.id, "EUR")])
            lines = (
                debit(Account("platform:writeoff", None, "EUR"), Money(4_000, "EUR")),
                credit(Account("adviser:available", payee.id, "EUR"), Money(4_000, "EUR"), world.shop_id),
            )
            ledger.post(other, [Entry(f"earn:{ids.new_id()}", "accrue", clock.now(), lines)])
        run = world.draft()
    assert run.total_minor == (7_000 if place == "paid" else 4_000)
    with pytest.raises(runs.RunStale) as refused:
        world.approve(run)
    assert f"adviser {late.id}" in refused.value.message()
    assert world.payouts(run) == []
    again = world.approve(world.draft())
    assert (
        sum(one.amount_minor for one in world.payouts(again))
        == {
            "paid": 9_600,
            "left out": 6_700,
            "none": 6_600,
            "paid before": 6_600,
        }[place]
    )


def test_what_is_reserved_per_shop_is_what_the_lines_say(world: World) -> None:
    world.budget(100_000)
    for number in range(ADVISERS):
        adviser = world.adviser(earned=3_000 + number)
        world.earn(adviser.id, -500)
    run = world.approve(world.draft())
    by_lines = sa.text(
        "SELECT payout_id, shop_id, CAST(sum(amount_minor) AS bigint) FROM payout_line GROUP BY 1, 2 ORDER BY 1, 2"
    )
    said = world.read(lambda session: [tuple(row) for row in session.execute(by_lines)])
    reserved = [
        (payout.id, shop, part.minor)
        for payout in sorted(world.payouts(run), key=lambda one: one.id)
        for shop, part in world.read(lambda session, payout=payout: attempts.parts_of(session, payout))  # type: ignore[misc]
    ]
    assert said == reserved
    assert len(said) == ADVISERS


def test_whoever_says_that_it_is_a_reserve_is_checked_as_all_others(world: World) -> None:
    world.budget(50_000)
    adviser = world.adviser(earned=4_000)
    entry = (
        "INSERT INTO entry (idem, request_hash, kind, lines, effective_at)"
        " VALUES ('r', '', 'reserve', 2, now()) RETURNING id"
    )
    lines = (
        "INSERT INTO posting (entry_id, line, account_id, currency, amount_minor, shop_id)"
        " SELECT :entry, l.n, a.id, l.currency, l.amount, CAST(l.shop AS uuid) FROM (VALUES"
        " (:n, 'stripe:platform_balance', 5, :currency, NULL), (:n + 1, 'adviser:available', -5, 'EUR', :shop))"
        " AS l (n, kind, amount, currency, shop) JOIN account a ON a.kind = l.kind"
    )
    flag = "SELECT set_config('aanrader.reserving', CAST(pg_current_xact_id() AS text), true)"
    right = {"n": 1, "currency": "EUR", "shop": str(world.shop_id)}
    newest = world.read(lambda session: session.scalar(sa.text("SELECT max(id) FROM entry")))

    def write(**wrong: object) -> None:
        with db.transaction() as session:
            session.execute(sa.text(flag))
            made = session.scalar(sa.text(entry))
            session.execute(
                sa.text(lines.replace("'stripe:", "'stripe\\:").replace("'adviser:", "'adviser\\:")),
                {"entry": made} | right | wrong,
            )

    held = world.balance("adviser:available", adviser.id)
    world.worker()
    for wrong, words in (
        ({"entry": newest, "n": 3}, "sealed or missing"),
        ({"entry": 2**62}, "sealed or missing"),
        ({"n": 2}, "sealed or missing"),
        ({"currency": "USD"}, "in another currency"),
        ({"shop": None}, "names no shop"),
    ):
        with pytest.raises(sa.exc.IntegrityError, match=words):
            write(**wrong)
    assert world.balance("adviser:available", adviser.id) == held
    world.worker()
    write()
    assert world.balance("adviser:available", adviser.id) == held + 5


def test_a_payout_names_an_adviser_who_is_there_and_stays(world: World) -> None:
    world.budget(50_000)
    world.adviser(earned=4_000)
    world.approve(world.draft())
    columns = (
        "run_id, place + 1, gen_random_uuid(), currency, amount_minor, destination, destination_fingerprint,"
        " (SELECT min(id) FROM entry), now(), now() FROM payout"
    )
    stranger = (
        "INSERT INTO payout (id, run_id, place, adviser_id, currency, amount_minor, destination,"
        f" destination_fingerprint, reserve_entry_id, next_try_at, approved_at) SELECT gen_random_uuid(), {columns}"
    )
    kind = (
        "INSERT INTO account (code, kind, currency, normal, floor_zero, shards)"
        " VALUES ('x:y' || chr(58) || 'EUR', 'x:y', 'EUR', 'C', false, 1)"
    ).replace(":y", "\\:y")
    for statement, words in (
        (stranger, "no adviser"),
        ("DELETE FROM adviser", "DELETE"),
        (kind, "chart of accounts"),
    ):
        with pytest.raises(sa.exc.DBAPIError, match=words), world.rows() as session:
            session.execute(sa.text(statement))
