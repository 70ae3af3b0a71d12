"""The HTTP face: who calls, what goes wrong on purpose, one transaction, and the answer as Stripe gives it."""

from __future__ import annotations

import json
import logging
import re
import socket
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from payouts.sandbox import clock, control, faults, forms, idempotency, routes, schedule
from payouts.sandbox.call import Call
from payouts.sandbox.errors import ApiError, Body, server_error
from payouts.sandbox.events import API_VERSION
from payouts.sandbox.faults import Fault
from payouts.sandbox.forms import Params
from payouts.sandbox.idempotency import Answer
from payouts.sandbox.listing import expand
from payouts.sandbox.pages import Pages
from payouts.sandbox.store import Store, Tx, new_id
from payouts.sandbox.webhooks import Sender

KEY = re.compile(r"(sk|rk)_test_[A-Za-z0-9_]{1,200}")
BUGS = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError, sqlite3.Error)
log = logging.getLogger("payouts.sandbox")


def bearer() -> None:
    """Refuse a call without a secret test key, with 401 as Stripe does."""
    header = request.headers.get("Authorization", "")
    given = header[7:].strip() if header.startswith("Bearer ") else ""
    if not given and request.authorization is not None:
        given = request.authorization.username or ""
    if not given:
        raise ApiError(
            401,
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            stored=False,
        )
    if not KEY.fullmatch(given):
        shown = given[:8] + "*" * 8 + given[-4:] if len(given) > 16 else "*" * len(given)
        raise ApiError(401, f"Invalid API Key provided: {shown}", stored=False)


def acting(tx: Tx) -> str:
    """Return the account that the call acts for: the platform, or the one that Stripe-Account names."""
    wanted = request.headers.get("Stripe-Account")
    if not wanted or wanted == tx.platform:
        return tx.platform
    if tx.get(wanted, kind="account") is None:
        raise ApiError(
            403,
            f"The provided key does not have access to account '{wanted}' (or that account does not exist). "
            "Application access may have been revoked.",
            code="account_invalid",
            stored=False,
        )
    return wanted


def hang_up() -> None:
    """Close the caller's TCP connection without an answer."""
    connection = request.environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


class Api:
    """Executes API calls on one store."""

    def __init__(self, store: Store, sender: Sender) -> None:
        self.store = store
        self.sender = sender
        self.in_progress = idempotency.InProgress()

    def answer(self, handler: routes.Handler, path: dict[str, Any]) -> Response:
        """Answer one call; every outcome has a Request-Id."""
        request_id = new_id("req_", 14)
        try:
            result, fault = self._outcome(handler, path, request_id)
        except ApiError as refusal:
            result, fault = refused(refusal, request_id), None
        if fault is not None and fault.name in ("drop_before", "drop_after"):
            hang_up()
        if fault is not None and fault.name == "html_502":
            return Response(
                "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway"
                "</h1></center><hr><center>nginx</center></body></html>\r\n",
                502,
                mimetype="text/html",
            )
        response = Response(result.body, result.status, mimetype="application/json")
        response.headers["Request-Id"] = request_id
        response.headers["Stripe-Version"] = request.headers.get("Stripe-Version", API_VERSION)
        response.headers["Cache-Control"] = "no-cache, no-store"
        for name in ("Idempotency-Key", "Stripe-Account"):
            if request.headers.get(name):
                response.headers[name] = str(request.headers[name])
        response.headers.extend(result.headers)
        return response

    def _outcome(
        self, handler: routes.Handler, path: dict[str, Any], request_id: str
    ) -> tuple[Answer, Fault | None]:
        bearer()
        schedule.catch_up(self.store)
        fault = self._fault()
        key = request.headers.get("Idempotency-Key") or None
        if fault is not None:
            refusal = faults.refusal(fault, key)
            if refusal is not None:
                raise refusal
            if fault.name in ("drop_before", "html_502"):
                return Answer(502, {}, b""), fault
        if request.method != "POST":
            if fault is not None and fault.name == "delay":
                clock.pause(fault.args.get("seconds", 1))
            if fault is not None and fault.name == "500_stored":
                raise server_error()
            params = forms.decode(request.query_string)
            with self.store.read() as tx:
                return done(self._execute(tx, handler, path, params, acting(tx))), fault
        idempotency.check(key)
        params = forms.decode(request.get_data())
        with self.store.read() as tx:
            account = acting(tx)
        with self.in_progress.hold(account, key):
            if fault is not None and fault.name == "delay":
                clock.pause(fault.args.get("seconds", 1))
            result = self._write(handler, path, params, account, key, request_id, fault)
        self.sender.wake.set()
        return result, fault

    def _fault(self) -> Fault | None:
        with self.store.read() as tx:
            if not faults.active(tx, "call"):
                return None
        with self.store.write() as tx:
            return faults.take(tx, "call", request.method, request.path)

    def _execute(
        self, tx: Tx, handler: routes.Handler, path: dict[str, Any], params: Body, account: str
    ) -> Body:
        call = Call(tx, account, Params(params), request.host_url.rstrip("/"))
        return expand(tx, call.params, handler(call, **path))

    def _write(
        self,
        handler: routes.Handler,
        path: dict[str, Any],
        params: Body,
        account: str,
        key: str | None,
        request_id: str,
        fault: Fault | None,
    ) -> Answer:
        """Execute a POST and keep its answer under its key, both in one transaction."""
        endpoint, params_hash = request.path, idempotency.digest(params)
        with self.store.write() as tx:
            schedule.run(tx)
            if key is not None:
                first = idempotency.replay(tx, account, key, endpoint, params_hash)
                if first is not None:
                    return Answer(first.status, {**first.headers, "Idempotent-Replayed": "true"}, first.body)
            tx.request_id, tx.idempotency_key = request_id, key
            tx.run("SAVEPOINT work")
            broken = fault is not None and fault.name == "500_stored"
            try:
                if broken and not (fault and fault.args.get("effect")):
                    raise server_error()
                result = done(self._execute(tx, handler, path, params, account))
                if broken:
                    result = refused(server_error(), request_id)
            except ApiError as refusal:
                tx.run("ROLLBACK TO work")
                if not refusal.stored:
                    raise
                result = refused(refusal, request_id)
            except BUGS:
                # A bug of ours is a 500 of theirs: nothing happened, and the key remembers the 500.
                log.exception("the call to %s broke", request.path)
                tx.run("ROLLBACK TO work")
                result = refused(server_error(), request_id)
            tx.run("RELEASE work")
            if key is not None:
                kept = Answer(result.status, {**result.headers, "Original-Request": request_id}, result.body)
                idempotency.remember(tx, account, key, endpoint, params_hash, kept)
        return result


def done(body: Body) -> Answer:
    """Return the answer of a call that succeeded."""
    return Answer(200, {}, json.dumps(body, indent=2).encode())


def refused(refusal: ApiError, request_id: str) -> Answer:
    """Return the answer of a call that was refused; a 500 says that trying again is useless."""
    headers = dict(refusal.headers)
    if refusal.status >= 500 and refusal.stored:
        headers["Stripe-Should-Retry"] = "false"
    return Answer(refusal.status, headers, json.dumps(refusal.body(request_id), indent=2).encode())


def create_app(store: Store, sender: Sender) -> Flask:
    """Build the app over one store; opens nothing."""
    app = Flask("payouts.sandbox", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 1_000_000
    api = Api(store, sender)
    pages = Pages(store, sender.wake.set)

    def endpoint(handler: routes.Handler) -> Callable[..., Response]:
        return lambda **path: api.answer(handler, path)

    for method, table in (("GET", routes.GET), ("POST", routes.POST)):
        for rule, handler in table.items():
            app.add_url_rule(rule, f"{method} {rule}", endpoint(handler), methods=[method])
    app.add_url_rule("/pay/<session_id>", "pay", pages.show_checkout)
    app.add_url_rule("/pay/<session_id>", "paid", pages.complete_checkout, methods=["POST"])
    app.add_url_rule("/onboard/<token>", "onboard", pages.show_onboarding)
    app.add_url_rule("/onboard/<token>", "onboarded", pages.complete_onboarding, methods=["POST"])
    app.add_url_rule("/dashboard/<account_id>", "dashboard", pages.dashboard)
    control.register(app, store, sender)

    @app.errorhandler(HTTPException)
    def unknown(problem: HTTPException) -> BaseResponse:
        wording, status = str(problem.description), problem.code or 500
        if status in (404, 405):
            status = 404
            wording = (
                f"Unrecognized request URL ({request.method}: {request.path}). Please see https://stripe.com/docs "
                "or we can help at https://support.stripe.com/."
            )
        kind = "api_error" if status >= 500 else "invalid_request_error"
        return Response(
            json.dumps({"error": {"type": kind, "message": wording}}),
            status,
            mimetype="application/json",
            headers={"Request-Id": new_id("req_", 14)},
        )

    return app
