"""Post what is due: the moves of commissions, in batches, each move once, whoever else is working."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from payouts.accrual import queue
from payouts.accrual.budget import awaiting
from payouts.accrual.desk import EARNING, Desk, Move, Posted
from payouts.funding.release import release, settle
from payouts.ledger.accounts import Account
from payouts.ledger.service import lock, post

__all__ = ["awaiting", "post_claimed", "post_due"]

BATCH: Final = 1000


def post_due(session: Session, now: dt.datetime, limit: int = BATCH, *, since: UUID | None = None) -> int:
    """Post the due moves of up to `limit` commissions and return how many things were done; 0 when nothing is due.

    All in the caller's transaction; run it in `db.run_in_transaction` until it returns 0, or let
    `isolation.post_everything` do so. now: business time; since: only moves with this id or a later one.
    """
    return post_claimed(session, queue.claim(session, limit, since), now)


def post_claimed(session: Session, claimed: Sequence[UUID], now: dt.datetime) -> int:
    """Post the due moves of commissions that this transaction claimed and return how many things were done.

    Budget that came free by a return pays at once for what waited.
    """
    if not claimed:
        return 0
    moves = queue.moves_of(session, claimed, now)
    # A commission is posted in the order of its moves: as long as the first one is not, the books hold nothing of it.
    first = {move.commission_id for move in moves if move.seq == 1}
    begun = [commission_id for commission_id in claimed if commission_id not in first]
    # The locks come first: a release or a payout that runs beside us changes what is read next.
    balances = lock(session, _accounts(moves, queue.approved_among(session, begun)))
    desk = Desk(balances, queue.standings_of(session, begun))
    decided = [posted for move in moves if (posted := desk.decide(move)) is not None]
    entry_ids = iter(post(session, [posted.entry for posted in decided if posted.entry is not None]))
    pairs = [(posted, None if posted.entry is None else next(entry_ids)) for posted in decided]
    queue.record(session, pairs)
    settle(
        session,
        [(one.move.commission_id, one.move.seq, entry) for one, entry in pairs if one.ends_wait and entry],
    )
    return len(decided) + sum(release(session, shop, currency, now) for shop, currency in _freed(decided))


def _accounts(moves: Sequence[Move], approved: set[UUID]) -> list[Account]:
    """Return the accounts on whose balance a decision may depend; the posting trigger locks the others, in order."""
    found: dict[Account, None] = {}
    for move in moves:
        parties = move.parties
        if move.kind != "approved":
            found |= dict.fromkeys((parties.prepaid, parties.owed))
        if move.kind not in EARNING or move.commission_id in approved:
            found |= dict.fromkeys((parties.available, parties.recovering))
    return list(found)


def _freed(decided: Sequence[Posted]) -> list[tuple[UUID, str]]:
    shops = {
        (posted.move.parties.shop_id, posted.move.parties.currency)
        for posted in decided
        if posted.move.kind in ("declined", "reversed")
    }
    return sorted(shops)
