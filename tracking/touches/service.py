"""Touches for decisions: what a token proves, what clicks say about a visitor, and whether clicks may still arrive."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace.core import config
from tracking.links.models import TrackedLink
from tracking.touches import tokens
from tracking.touches.models import EdgeMark, Touch

TOKEN_INVALID = "token_invalid"  # noqa: S105 - a reason, not a secret.
TOKEN_OF_OTHER_SHOP = "token_of_other_shop"  # noqa: S105
SILENT = dt.timedelta(minutes=10)
NO_LONGER_WAITED_FOR = dt.timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class TouchFacts:
    """What attribution sees of a touch; `verdict` is None until its click was shipped."""

    touch_id: uuid.UUID
    link_id: uuid.UUID
    offer_id: uuid.UUID
    adviser_id: uuid.UUID
    shop_id: uuid.UUID
    ts: dt.datetime
    verdict: str | None
    own: bool
    visitor_id: bytes | None


def prove(session: Session, token: str, shop_id: uuid.UUID, now: dt.datetime) -> Touch | str:
    """Return what one token proves at this shop; see `prove_all`."""
    return prove_all(session, [token], shop_id, now)[token]


def prove_all(
    session: Session, given: Collection[str], shop_id: uuid.UUID, now: dt.datetime
) -> dict[str, Touch | str]:
    """Return per token the touch that it proves at this shop, stored when it was not there yet; or the reason why not.

    Reasons: `token_invalid` (not signed by us, or about a link that we don't know) and `token_of_other_shop`.
    Never raises for a bad token: it must not fail an order (decisions D7). As many queries for twenty as for one.
    """
    proofs: dict[str, Touch | str] = {}
    readable: dict[str, tokens.ClickToken] = {}
    for token in given:
        try:
            readable[token] = tokens.read(config.current().token_keys, token)
        except tokens.TokenInvalid:
            proofs[token] = TOKEN_INVALID
    if not readable:
        return proofs
    wanted = sorted({read.link_id for read in readable.values()})
    links = {row.id: row for row in session.scalars(sa.select(TrackedLink).where(TrackedLink.id.in_(wanted)))}
    hidden = [one for one in wanted if one not in links]
    # Links of other shops are hidden here, and the shop is told that this is one of them.
    known = _known_links(session, hidden) if hidden else set()
    rows: dict[uuid.UUID, dict[str, object]] = {}
    for token, read in readable.items():
        link = links.get(read.link_id)
        if link is None:
            proofs[token] = TOKEN_OF_OTHER_SHOP if read.link_id in known else TOKEN_INVALID
        elif link.shop_id != shop_id:
            proofs[token] = TOKEN_OF_OTHER_SHOP
        else:
            rows[read.click_id] = {
                "id": read.click_id,
                "link_id": link.id,
                "shop_id": link.shop_id,
                "adviser_id": link.adviser_id,
                "offer_id": link.offer_id,
                "ts": read.ts,
                "visitor_id": read.visitor_id,
                "source": "token",
                "recorded_at": now,
            }
    if rows:
        # Two orders may carry the same tokens in another order: storing them sorted keeps them from waiting in a ring.
        ordered = [rows[one] for one in sorted(rows)]
        session.execute(insert(Touch).values(ordered).on_conflict_do_nothing())
        touches = {row.id: row for row in session.scalars(sa.select(Touch).where(Touch.id.in_(list(rows))))}
        proofs |= {token: touches[read.click_id] for token, read in readable.items() if token not in proofs}
    return proofs


def _known_links(session: Session, link_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    asked = sa.text("SELECT id FROM unnest(CAST(:ids AS uuid[])) AS id WHERE tracked_link_known(id)")
    return set(session.execute(asked, {"ids": list(link_ids)}).scalars())


def for_decision(
    session: Session,
    shop_id: uuid.UUID,
    visitor_ids: Collection[bytes],
    customer_touch_ids: Collection[uuid.UUID],
    upto: dt.datetime,
) -> list[TouchFacts]:
    """Return all touches at a shop of these visitors and of these ids up to an instant, oldest first. Worker only.

    Clicks of the visitors become touches on the way, and touches get the screening of their click where it arrived.
    """
    query = sa.text(
        "SELECT touch_id, link_id, offer_id, adviser_id, shop_id, ts, verdict, own, visitor_id"
        " FROM touches_for(:shop, CAST(:visitors AS bytea[]), CAST(:touches AS uuid[]), :upto)"
    )
    values = {
        "shop": shop_id,
        "visitors": sorted(visitor_ids),
        "touches": sorted(customer_touch_ids),
        "upto": upto,
    }
    return [TouchFacts(*row) for row in session.execute(query, values)]


def marks(session: Session) -> dict[str, tuple[dt.datetime, dt.datetime]]:
    """Return per edge: up to which business time its clicks are here, and when (wall) it was last heard."""
    rows = session.execute(sa.select(EdgeMark.edge, EdgeMark.mark, EdgeMark.seen_at).order_by(EdgeMark.edge))
    return {edge: (mark, seen_at) for edge, mark, seen_at in rows}


def provisional(session: Session, ordered_at: dt.datetime, now: dt.datetime) -> bool:
    """Tell whether clicks from before `ordered_at` may still be on their way from an edge (decisions D4).

    An edge that was not heard of for 24 hours by the wall is no longer waited for; `now` is business time and plays
    no part, because silence is measured by the clock that nobody moves.
    """
    late = EdgeMark.mark < ordered_at
    alive = EdgeMark.seen_at > sa.func.now() - NO_LONGER_WAITED_FOR
    return bool(session.scalar(sa.select(sa.exists().where(late, alive))))


def edges(session: Session, wall: dt.datetime) -> list[dict[str, object]]:
    """Return every edge with its mark; `silent` after 10 minutes, `waited_for` no longer after 24 hours."""
    return [
        {
            "name": edge,
            "mark": mark.isoformat(),
            "seen_at": seen_at.isoformat(),
            "silent": wall - seen_at > SILENT,
            "waited_for": wall - seen_at <= NO_LONGER_WAITED_FOR,
        }
        for edge, (mark, seen_at) in marks(session).items()
    ]
