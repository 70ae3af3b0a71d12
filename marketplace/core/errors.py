"""Every refusal has a name, carries facts, and says what happened, what did not change and what to do.

A room defines its own refusals beside the function that refuses, as subclasses of these. `detail` is a format
string over the facts, so that the same facts serve a person, a log line and a program.
"""

from __future__ import annotations

from typing import Any, ClassVar


class AppError(Exception):
    """A refusal or a failure that has a name; facts are ids and amounts, never prose."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "app_error"
    title: ClassVar[str] = "Something went wrong"
    detail: ClassVar[str] = "The request could not be carried out."
    unchanged: ClassVar[str] = "Nothing was changed."
    next: ClassVar[str] = "Try again later; if it stays, report the request id."

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(self.message())

    def message(self) -> str:
        """Return the sentence that says what happened, with the facts filled in."""
        return self.detail.format_map(_Facts(self.facts))

    def problem(self) -> dict[str, Any]:
        """Return the body of the answer as problem+json (RFC 9457)."""
        return {
            "type": f"/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.message(),
            "unchanged": self.unchanged,
            "next": self.next,
            "errors": {},
        }


class _Facts(dict[str, Any]):
    """Facts for a format string; one that is missing shows as a question mark instead of hiding the refusal."""

    def __missing__(self, key: str) -> str:
        return "?"


class InvalidInput(AppError):
    """The request is readable but its fields are wrong; `errors` maps each field to its sentences."""

    status = 422
    code = "invalid_input"
    title = "Some fields are not right"
    detail = "The request was refused because of: {fields}."
    next = "Correct the fields named in errors and send the request again."

    def __init__(self, errors: dict[str, Any], **facts: Any) -> None:
        self.errors = errors
        super().__init__(fields=", ".join(sorted(str(field) for field in errors)) or "the body", **facts)

    def problem(self) -> dict[str, Any]:
        """Return the problem with the sentences per field."""
        return super().problem() | {"errors": self.errors}


class MalformedRequest(AppError):
    """The body can't be read at all."""

    status = 400
    code = "malformed_request"
    title = "The request can't be read"
    detail = "The body is not readable: {reason}."
    next = "Send valid JSON in UTF-8 with Content-Type: application/json."


class MalformedAddress(MalformedRequest):
    """The path, the query or a header can't be read."""

    code = "malformed_address"
    detail = "The address or a header is not readable: {reason}."
    next = "Send path and query as percent-encoded UTF-8 without control characters, and a plain Host."


class NotAuthenticated(AppError):
    """Nobody is signed in, or the key or session is no longer valid."""

    status = 401
    code = "not_authenticated"
    title = "Sign in first"
    detail = "This needs a valid session, token or API key."
    next = "Sign in, or send Authorization: Bearer with a key that is not revoked."


class Forbidden(AppError):
    """The actor is known and may not do this."""

    status = 403
    code = "forbidden"
    title = "Not allowed"
    detail = "Your role does not allow this."
    next = "Ask somebody whose role allows it."


class ReauthenticationNeeded(Forbidden):
    """The action needs a fresh password, and the second factor where enrolled."""

    code = "reauthentication_needed"
    title = "Confirm that it is you"
    detail = "This needs your password, and your second factor where enrolled, from the last 30 minutes."
    next = "Send POST /api/v1/accounts/reauthenticate and repeat the request."


class NotFound(AppError):
    """There is no such thing, or it belongs to somebody else; the answer does not tell which."""

    status = 404
    code = "not_found"
    title = "Not found"
    detail = "There is no {entity} {id} that you can see."
    next = "Check the id, and that you are signed in as its owner."

    def __init__(self, entity: str = "page", id: object = "here", **facts: Any) -> None:
        super().__init__(entity=entity, id=id, **facts)


class MethodNotAllowed(AppError):
    """The address exists, the method doesn't."""

    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"
    detail = "This address does not take {method}."
    next = "Use one of the methods in the Allow header."


class Conflict(AppError):
    """The request is right in itself but does not fit the present state."""

    status = 409
    code = "conflict"
    title = "This does not fit the present state"
    detail = "The request does not fit the present state."
    next = "Read the present state, then decide."


class IllegalTransition(Conflict):
    """A state was asked to move where it can't go."""

    code = "illegal_transition"
    title = "That step is not possible now"
    detail = "{entity} is {was} and can't become {wanted}."

    def __init__(self, entity: str, was: str, wanted: str, **facts: Any) -> None:
        super().__init__(entity=entity, was=was, wanted=wanted, **facts)


class IdempotencyMismatch(Conflict):
    """The same key came with other content."""

    code = "idempotency_mismatch"
    title = "Same key, other content"
    detail = "{entity} {key} exists with other content."
    next = "Repeat the first content to get the first answer, or use a new key."


class Gone(AppError):
    """It was here and is used up or expired."""

    status = 410
    code = "gone"
    title = "No longer valid"
    detail = "This {entity} was used or has expired."
    next = "Ask for a new one."


class PayloadTooLarge(AppError):
    """The body is larger than this address takes."""

    status = 413
    code = "payload_too_large"
    title = "Too large"
    detail = "The body is larger than the {limit} bytes that this address takes."
    next = "Send less at once."


class UnsupportedMedia(AppError):
    """The body is of a kind that this address does not take."""

    status = 415
    code = "unsupported_media_type"
    title = "Unsupported kind of body"
    detail = "This address takes {wanted}, not {got}."
    next = "Set Content-Type and send that kind of body."


class RateLimited(AppError):
    """Too many tries; `retry_after` is in seconds."""

    status = 429
    code = "rate_limited"
    title = "Too many tries"
    detail = "There were too many tries; the next one counts in {retry_after} s."
    next = "Wait as long as Retry-After says."


class Unavailable(AppError):
    """A part that is needed does not answer now; `retry_after` is in seconds."""

    status = 503
    code = "unavailable"
    title = "Not available now"
    detail = "A part that this needs does not answer now."
    next = "Send the same request again in a few seconds."


class GatewayUnavailable(Unavailable):
    """The payment provider did not carry anything out; the call may be repeated."""

    code = "gateway_unavailable"
    detail = "The payment provider does not answer; nothing was carried out there."


class GatewayUncertain(Unavailable):
    """The payment provider may or may not have carried it out: same key again or look it up, never a new key."""

    code = "gateway_uncertain"
    detail = "The payment provider did not confirm; the outcome is being looked up."
    unchanged = "Our own books were not changed."
    next = "Wait: the outcome is looked up by itself."


class InvariantViolation(AppError):
    """A promise of ours is broken: a bug, never the caller's fault, never shown in detail."""

    code = "invariant_violation"
    detail = "An internal check refused this."


class UnbalancedEntry(InvariantViolation):
    """An entry does not sum to zero per currency."""

    code = "unbalanced_entry"


class CurrencyMismatch(InvariantViolation):
    """Two currencies were about to be mixed."""

    code = "currency_mismatch"


class NegativePayable(InvariantViolation):
    """Somebody would be paid less than nothing."""

    code = "negative_payable"
