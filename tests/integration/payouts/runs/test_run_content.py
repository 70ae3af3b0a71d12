"""Who is in a run and why not, and the hash that the second person repeats: what PostgreSQL works out by the set."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from marketplace.accounts.models import Adviser, AdviserState
from marketplace.core import clock, db
from marketplace.core.money import Money
from payouts.runs import candidates, content
from payouts.runs import service as runs
from payouts.runs.content import Content
from tests.integration.payouts.settling import World


def into_state(world: World, adviser_id: Any, state: str, at: dt.datetime | None = None) -> None:
    """Write down that an adviser came into a state."""
    with world.rows() as session:
        session.get_one(Adviser, adviser_id).state = state
        session.add(AdviserState(adviser_id=adviser_id, state=state, from_at=at or clock.now()))


def change(world: World, statement: str, **values: Any) -> None:
    """Change a row that only Stripe's news or the worker would change."""
    with world.rows() as session:
        session.execute(sa.text(statement), values)


def new_run(world: World) -> Any:
    """Draft a run without looking at it."""
    return world.web(lambda session: runs.create(session, world.maker.actor, "EUR", world.now())).id


def test_one_reason_each_the_most_telling_first(world: World) -> None:
    world.budget(1_000_000)
    exact, low, leaving, nothing, banned, reformed, cooling, unready, unconnected, owing = (
        world.adviser(earned=2_500 if n == 0 else 2_499 if n < 3 else 500, connected=n != 8)
        for n in range(10)
    )
    into_state(world, leaving.id, "closing")
    world.earn(nothing.id, -500)
    into_state(world, banned.id, "banned")
    into_state(world, reformed.id, "banned", clock.now() + dt.timedelta(days=1))
    change(
        world,
        "UPDATE payout_account SET cooling_until = now() + interval '1 day' WHERE adviser_id = :a",
        a=cooling.id,
    )
    change(world, "UPDATE payout_account SET state = 'disabled' WHERE adviser_id = :a", a=unready.id)
    world.owe(owing.id, 1)
    found = world.preview(new_run(world))
    assert [one.adviser_id for one in found.included] == sorted([exact.id, leaving.id])
    assert {one.adviser_id: one.reason for one in found.excluded} == {
        low.id: "below_minimum",
        nothing.id: "nothing",
        banned.id: "banned",
        # Banned from tomorrow is not banned today.
        reformed.id: "below_minimum",
        cooling.id: "cooling_off",
        unready.id: "account_not_ready",
        unconnected.id: "no_payout_account",
        owing.id: "receivable",
    }
    assert (found.payouts, found.left_out, found.total) == (2, 8, Money(4_999, "EUR"))


def test_minimum_is_25_whole_units_of_the_currency() -> None:
    assert content.minimum("EUR") == Money(2500, "EUR")
    assert content.minimum("JPY") == Money(25, "JPY")


def test_everything_that_is_paid_is_in_the_hash_and_nobody_else(world: World) -> None:
    world.budget(1_000_000)
    adviser, other = world.adviser(earned=4_000), world.adviser(earned=100)
    run_id = new_run(world)

    def look() -> Content:
        return world.preview(run_id)

    first = look().content_hash
    world.earn(other.id, 50)
    assert look().content_hash == first, "who is left out does not make a run stale"
    assert world.preview(new_run(world)).content_hash != first
    account = "UPDATE payout_account SET {} WHERE adviser_id = :a"
    seen = {first}
    for step in (
        lambda: change(world, account.format("destination_fingerprint = 'g'"), a=adviser.id),
        lambda: change(world, account.format("stripe_account_id = 'acct_9'"), a=adviser.id),
        # The same sum of other postings, and the same postings with another sum.
        lambda: (world.earn(adviser.id, 7), world.earn(adviser.id, -7)),
        lambda: world.earn(adviser.id, 1),
        lambda: world.earn(other.id, 5_000),
    ):
        step()
        found = look().content_hash
        assert found not in seen
        seen.add(found)


def test_a_bank_account_that_changed_after_the_preview_makes_it_stale(world: World) -> None:
    world.budget(50_000)
    adviser = world.adviser(earned=4_000)
    run = world.draft()
    change(
        world, "UPDATE payout_account SET destination_fingerprint = 'g' WHERE adviser_id = :a", a=adviser.id
    )
    with pytest.raises(runs.RunStale, match="bank account"):
        world.approve(run)
    assert world.payouts(run) == []


def test_what_changed_is_said_in_sentences(world: World) -> None:
    world.budget(100_000)
    less, gone, late = (world.adviser(earned=3_000, connected=n < 2) for n in range(3))
    run = world.draft()
    world.earn(less.id, -100)
    into_state(world, gone.id, "banned")
    world.connect(late.actor)
    with pytest.raises(runs.RunStale) as refused:
        world.approve(run)
    said = refused.value.message()
    assert f"adviser {gone.id} is left out now: banned" in said
    assert f"adviser {late.id} is paid now: 30.00" in said
    assert f"adviser {less.id}: 30.00 became 29.00" in said


def test_a_long_preview_is_shown_page_by_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "PAGE", 2)
    world.budget(100_000)
    everybody = [world.adviser(earned=2_500 + n).id for n in range(4)]
    everybody.append(world.adviser(earned=10).id)
    maker = {"Authorization": f"Bearer {world.maker.key}"}
    _, run = world.call("POST", "/runs", maker)
    status, page = world.call("POST", f"/runs/{run['id']}/preview", maker)
    assert status == 200
    assert page["total"]["amount"] == "100.06"
    seen = []
    while True:
        shown = page["included"] + page["excluded"]
        assert len(shown) <= 2
        seen += [one["adviser_id"] for one in shown]
        if page["next"] is None:
            break
        page = world.call("GET", f"/runs/{run['id']}?cursor={page['next']}", maker)[1]["preview"]
    assert seen == sorted(map(str, everybody))
    assert world.call("GET", f"/runs/{run['id']}?cursor=nonsense", maker)[0] == 422


def test_lines_are_written_by_a_reserve_alone_and_payouts_and_runs_are_kept(world: World) -> None:
    world.budget(50_000)
    adviser = world.adviser(earned=4_000)
    world.approve(world.draft())
    world.earn(adviser.id, 700)
    line = (
        "INSERT INTO payout_line (entry_id, line, payout_id, adviser_id, shop_id, amount_minor)"
        " SELECT p.entry_id, p.line, y.id, y.adviser_id, p.shop_id, -p.amount_minor FROM payout y"
        " JOIN account a ON a.owner = y.adviser_id AND a.kind = 'adviser:available'"
        " JOIN posting p ON p.account_id = a.id ORDER BY p.entry_id DESC LIMIT 1"
    )
    before = world.read(lambda session: session.scalar(sa.text("SELECT count(*) FROM payout_line")))
    for statement in (line, "DELETE FROM payout", "DELETE FROM payout_run", "TRUNCATE payout CASCADE"):
        with pytest.raises(sa.exc.DBAPIError), world.rows() as session:
            session.connection().exec_driver_sql(statement)
    with pytest.raises(sa.exc.IntegrityError, match="written by payout_run_reserve"), world.rows() as session:
        session.connection().exec_driver_sql(line)
    assert world.read(lambda session: session.scalar(sa.text("SELECT count(*) FROM payout_line"))) == before


def test_an_entry_that_is_written_whole_has_its_lines_at_once(world: World) -> None:
    world.budget(50_000)
    entry = (
        "INSERT INTO entry (idem, request_hash, kind, lines, effective_at, whole)"
        " VALUES ('w', '', 'reserve', 2, now(), true) RETURNING id"
    )
    lines = (
        f"WITH e AS ({entry}) INSERT INTO posting (entry_id, line, account_id, currency, amount_minor)"
        " SELECT e.id, n, a.id, 'EUR', m FROM e, (SELECT id FROM account WHERE kind = 'stripe:platform_balance') a,"
        " unnest(ARRAY[{n}], ARRAY[{m}]) AS l (n, m)"
    )
    for statement, words in (
        (entry, "has 2 lines and has 0"),
        (lines.format(n="1", m="5"), "has 2 lines and has 1"),
        (lines.format(n="1, 2", m="5, -4"), "does not sum to zero"),
    ):
        with pytest.raises(sa.exc.IntegrityError, match=words), world.rows() as session:
            session.execute(sa.text(statement.replace(":", "\\:")))
    with world.rows() as session:
        session.execute(sa.text(lines.format(n="1, 2", m="5, -5").replace(":", "\\:")))
    world.worker()
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), db.transaction() as session:
        session.execute(sa.text(entry))
