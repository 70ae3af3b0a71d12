"""What an error of the payment provider means for us: the table of the settlement design as a pure function."""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.core.errors import AppError, GatewayUnavailable, GatewayUncertain
from payouts.settlement.gateway import GatewayDenied, KeyReused, Rejected, StoredFailure, Throttled


@dataclass(frozen=True, slots=True)
class Failure:
    """What came back: no status when the connection failed; `writes` says whether the call could move something."""

    status: int | None
    kind: str | None
    reason: str | None
    message: str
    request_id: str | None
    replay_is_final: bool
    writes: bool


def refusal(failure: Failure) -> AppError:
    """Return the named error for a failure.

    A lost connection on a writing call is uncertain even when the last try could not connect at all, because the
    library may have sent an earlier try that was carried out.
    """
    facts = {
        "reason": failure.reason or (f"HTTP {failure.status}" if failure.status else "no answer"),
        "message": failure.message[:500],
        "request_id": failure.request_id,
    }
    status = failure.status
    if status is None:
        return GatewayUncertain(**facts) if failure.writes else GatewayUnavailable(**facts)
    # A key in use (409) may carry the same kind as a key with two contents (400), so the status is read first.
    if status in (409, 429) or failure.reason == "rate_limit":
        return Throttled(retry_after=2, **facts)
    if failure.kind == "idempotency_error":
        return KeyReused(**facts)
    if status in (401, 403):
        # 403 on one account means that this account is gone for us, not that our key is wrong.
        return (
            Rejected(**facts)
            if failure.reason == "account_invalid"
            else GatewayDenied(retry_after=60, **facts)
        )
    if status in (400, 402, 404):
        return Rejected(**facts)
    if not failure.writes:
        return GatewayUnavailable(retry_after=5, **facts)
    # Stripe tells with `Stripe-Should-Retry: false` that its answer is stored under the key; without that header the
    # answer may be stored as well, and looking first is always safe.
    if status == 500 or failure.replay_is_final:
        return StoredFailure(retry_after=5, **facts)
    return GatewayUncertain(retry_after=5, **facts)
