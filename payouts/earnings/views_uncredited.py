"""/adviser/not-credited: orders seen after an adviser's clicks that went elsewhere, and claims of those never seen."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import flask
from werkzeug.wrappers import Response

from marketplace.core import db, pages
from marketplace.core.auth import current_actor
from marketplace.core.forms import Form, Query
from marketplace.core.paging import encode_cursor, place_after
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _
from payouts.earnings import missing, schemas, uncredited
from tracking.claims import answers, making, outcomes, rules
from tracking.claims import reading as claims
from tracking.claims.making import Missing
from tracking.claims.schemas import WORDS, ClaimReport

blueprint = flask.Blueprint("adviser_uncredited", __name__)
CLAIMS_SHOWN = 50


@blueprint.get("/adviser/not-credited")
@policy("adviser_pages", "read")
def index() -> Response:
    """List what went elsewhere in the last 90 days, newest first, each with the rule that decided."""
    return _page(Form(ClaimReport))


@blueprint.post("/adviser/not-credited")
@policy("adviser_pages", "claim")
def claim() -> Response:
    """Claim a purchase that is not here; the shop is asked."""
    actor, now, form = current_actor(), request_now(), Form(ClaimReport)

    def act(data: dict[str, Any]) -> UUID:
        told = Missing(**data)
        return db.run_in_transaction(
            lambda writer: making.make(writer, actor, told, now)[0].id, point="pages.make_claim"
        )

    made = form.send(act)
    if made is None:
        return _page(form)
    pages.said(_("Claimed. The shop has 14 days to answer; we mail you what it says."))
    return pages.go(flask.url_for("adviser_claims.show", claim_id=made))


def _page(form: Form) -> Response:
    actor, now, query = current_actor(), request_now(), Query(schemas.ElsewhereFilter)
    adviser_id, limit = actor.adviser(), query.data["limit"]
    wanted = _wanted(form, query)
    with db.session() as session:
        found = uncredited.page(session, adviser_id, now, place_after(query.data["cursor"]), limit)
        shops = missing.shops(session, adviser_id)
        named = next((one for one in shops if str(one[0]) == wanted["shop_id"]), None)
        asked, known, currency = None, None, "EUR"
        if named is not None:
            asked = missing.Asked("unnamed", None, named[1], named[2], "")
            if wanted["order_ref"]:
                asked = missing.look(session, adviser_id, named, wanted["order_ref"])
            known = making.claimed(session, adviser_id, named[0], wanted["order_ref"])
            currency = making.currency_at(session, adviser_id, named[0]) or currency
        mine = claims.page(session, actor, claims.Wanted(adviser_id=adviser_id), None, CLAIMS_SHOWN)
        results = outcomes.of(session, mine)
    shown = found[:limit]
    more = len(found) > limit
    return pages.render(
        "earnings/not_credited.html",
        form.status,
        rows=shown,
        reasons=uncredited.by_reason(shown),
        shops=shops,
        asked=asked,
        known=known,
        claims=mine[:CLAIMS_SHOWN],
        results=results,
        shop_names={one[0]: one[1] for one in shops},
        amount_of=answers.amount_of,
        wanted=wanted,
        currency=currency,
        first_day=rules.FIRST_DAY,
        last_day=rules.LAST_DAY,
        most_words=WORDS,
        form=form,
        query=query,
        next_cursor=encode_cursor(shown[-1].ordered_at.isoformat(), shown[-1].order_id) if more else None,
    )


def _wanted(form: Form, query: Query) -> dict[str, str]:
    """Return the shop and the number that are looked up: those of a form that was sent, else of the address."""
    return {
        name: str(form.value(name) or query.values.get(name) or "").strip()
        for name in ("shop_id", "order_ref")
    }
