"""Refusals in Stripe's own words: status, type, code, param and message."""

from __future__ import annotations

from typing import Any

Body = dict[str, Any]


class ApiError(Exception):
    """A refusal as Stripe's API words it.

    `stored` says whether an Idempotency-Key remembers it: Stripe keeps answers only once the endpoint
    began to execute, so refusals of the parameters' form are not remembered and refusals by the state
    of the world (balance_insufficient) are.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
        stored: bool = True,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind
        self.stored = stored
        self.headers = headers or {}

    def body(self, request_id: str) -> Body:
        """Return the JSON body of the answer."""
        error: Body = {"message": self.message, "type": self.kind}
        if self.code:
            error["code"] = self.code
            error["doc_url"] = "https://stripe.com/docs/error-codes/" + self.code.replace("_", "-")
        if self.param:
            error["param"] = self.param
        error["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{request_id}"
        return {"error": error}


def malformed(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    """Refuse parameters before anything is executed."""
    return ApiError(400, message, code=code, param=param, stored=False)


def refused(message: str, *, code: str | None = None, param: str | None = None) -> ApiError:
    """Refuse because of the state of the account; an Idempotency-Key remembers it."""
    return ApiError(400, message, code=code, param=param)


def missing(what: str, given: str, *, param: str = "id", status: int = 404) -> ApiError:
    """Refuse because the object doesn't exist for the acting account."""
    return ApiError(status, f"No such {what}: '{given}'", code="resource_missing", param=param)


def server_error() -> ApiError:
    """The 500 that Stripe gives when it broke; the outcome is then unknown to the caller."""
    return ApiError(
        500,
        "An unknown error occurred while processing your request; the outcome is not known.",
        kind="api_error",
    )
