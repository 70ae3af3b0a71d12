"""What the written words come to, by plain arithmetic and without the product: the same tables as counted.py reads."""

from __future__ import annotations

from marketplace.devtools.world import events
from marketplace.devtools.world.advice import counted, texts
from marketplace.devtools.world.advice.texts import WrittenPage, WrittenQuestion, WrittenReview
from marketplace.devtools.world.plan import Plan

_DECIDED = {"uphold": "upheld", "reject": "rejected", "wait": "received"}


def tables(plan: Plan) -> tuple[counted.Told, ...]:
    """Return the tables of pages, questions, reviews and reports as a world of this plan has them at its end."""
    sold = {one.ref: {line.sku for line in one.lines} for one in plan.events if isinstance(one, events.Order)}
    down = {one.page for one in texts.reports() if one.outcome == "uphold"}
    return (
        counted.pages_table(_page(one, down) for one in texts.pages()),
        counted.questions_table(
            (_state(one), [(each.by, each.useful) for each in one.answers]) for one in texts.questions()
        ),
        counted.reviews_table((_proof(one, sold), one.useful) for one in texts.reviews()),
        counted.reports_table(_DECIDED[one.outcome] for one in texts.reports()),
    )


def _page(one: WrittenPage, down: set[str]) -> tuple[str, str, int]:
    versions = 0 if one.ends == "draft" else 2 if one.update else 1
    return "taken_down" if one.key in down else one.ends, one.language, versions


def _state(one: WrittenQuestion) -> str:
    if one.set_aside is not None:
        return "set_aside"
    return "answered" if one.answers else "waiting"


def _proof(one: WrittenReview, sold: dict[str, set[str]]) -> str:
    if one.order is None:
        return "none"
    return "found" if one.sku in sold[one.order] else "not_found"
