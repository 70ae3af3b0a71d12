"""Everything that can happen in a world, how often, and what often comes together."""

from __future__ import annotations

from collections.abc import Callable

from payouts.runs import registration as runs
from payouts.settlement import registration as settlement
from payouts.statements import registration as statements
from tests.simulation.acting import Draw, others
from tests.simulation.contracts import ban, change_fee, change_terms, leave
from tests.simulation.finance import (
    approve,
    decide,
    execute,
    fund,
    hold,
    pay,
    post,
    preview,
    reconcile,
    wait,
)
from tests.simulation.trade import (
    cancel,
    click,
    early,
    leave_or_return,
    lines,
    order,
    refund,
    repeat,
    ship,
    verdict,
)
from tests.simulation.weather import account, advance, bank_fails, fault, heal, hear, silence
from tests.simulation.world import World

Step = Callable[[World, Draw], str]
STEPS: dict[str, tuple[Step, int]] = {
    "click": (click, 10), "ship": (ship, 4), "far": (leave_or_return, 2), "order": (order, 18), "repeat": (repeat, 2), "lines": (lines, 4),
    "refund": (refund, 8), "early": (early, 3), "cancel": (cancel, 1), "verdict": (verdict, 5), "terms": (change_terms, 2),
    "fee": (change_fee, 1), "leave": (leave, 2), "ban": (ban, 2), "fund": (fund, 3), "pay": (pay, 1),
    "preview": (preview, 1), "approve": (approve, 2), "execute": (execute, 2), "decide": (decide, 5),
    "wait": (wait, 2), "hold": (hold, 3), "post": (post, 6), "hear": (hear, 3),
    "events": (others(settlement.handle_events), 2), "fundings": (others(settlement.repair_fundings), 2),
    "bank": (others(settlement.follow_bank), 2), "accounts": (others(settlement.look_at_accounts), 2),
    "runs": (others(runs.continue_runs), 5), "resume": (others(runs.resume_funded), 2),
    "statements": (others(statements.issue_due), 1), "reconcile": (reconcile, 2), "fault": (fault, 4),
    "heal": (heal, 2), "silence": (silence, 1), "account": (account, 2), "bank_fails": (bank_fails, 1),
    "advance": (advance, 5),
}  # fmt: skip
TALES: tuple[str, ...] = (
    "click click? ship? order order? decide post?", "click order verdict? lines? order decide ship decide verdict post",
    "click order click order ship decide verdict post refund? post",
    "early early early? order early? decide post order",
    "order order refund refund? cancel? post fund? hear events post",
    "click order ship decide verdict verdict fund hear events post preview refund? post? approve ban? account? execute"
    " fault? runs",
    "click order order ship decide hold verdict fund fundings post preview lines? approve refund? post? execute runs"
    " refund post",
    "order verdict post preview approve cancel? post? execute fault runs silence? runs advance? runs resume bank hear"
    " events",
    "order ship decide verdict verdict fund hear events post preview approve execute silence runs runs",
    "order advance ship decide hold post fund fundings post preview approve execute runs",
    "terms advance? click ship order decide leave? click order post",
    "far click click click order advance ship decide verdict? far ship decide hold? post",
    "click far? click click order order advance? ship decide click far ship decide verdict post",
)  # fmt: skip
