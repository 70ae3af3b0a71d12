"""Pages of the door: sign up, confirm the address, sign in and out, a new password, the proof that it is you."""

from __future__ import annotations

from typing import Any

import flask
from werkzeug.wrappers import Response

from marketplace.accounts import agreements, entrance, halfway, unfinished
from marketplace.accounts import schemas_people as shapes
from marketplace.accounts.models import AuthSession
from marketplace.core import auth, db, forms, navigation, pages
from marketplace.core.policy import policy
from marketplace.core.wording import _

blueprint = flask.Blueprint("entrance", __name__)
# Codes of refusals after which the form shows the fields of the second factor.
ASKS_FACTOR = frozenset({"totp_invalid"})
# Codes after which the second step begins at the first one again.
ANEW = frozenset({"halfway_over", "sign_in_refused"})


def _next() -> str:
    return pages.own_address(flask.request.values.get("next"), "")


def _inside() -> Response:
    """Go to where somebody wanted to be, now or when they made their account; else to the home of their role."""
    toward = flask.session.pop("toward", "")
    return pages.go(_next() or pages.own_address(toward, "/home"))


@blueprint.get("/sign-in")
@policy("accounts", "see_door")
def sign_in() -> Response:
    """Ask for address and password."""
    actor = pages.actor_here()
    if not actor.is_anonymous:
        return pages.go(_next() or navigation.home_of(actor))
    # Who just confirmed an address need not type it again.
    known = {"email": flask.session.pop("confirmed", "")}
    return pages.render("accounts/sign_in.html", form=forms.Form(shapes.SignIn, known), next=_next())


@blueprint.post("/sign-in")
@policy("accounts", "sign_in")
def do_sign_in() -> Response:
    """Open a sign-in and go to where somebody wanted to be."""
    form = forms.Form(shapes.SignIn)
    opened = form.send(lambda data: entrance.sign_in(data, "cookie"))
    if opened is None:
        form.values.pop("password", None)
        if form.refusal is not None and form.refusal.code == "totp_required":
            return pages.go(flask.url_for("entrance.code", next=_next() or None))
        asks = form.refusal is not None and form.refusal.code in ASKS_FACTOR
        return pages.render("accounts/sign_in.html", form.status, form=form, next=_next(), asks_factor=asks)
    if opened.user.is_staff and not opened.user.totp_enrolled:
        return pages.go("/account/second-factor")
    return _inside()


@blueprint.get("/sign-in/code")
@policy("accounts", "see_door")
def code() -> Response:
    """Ask for the second factor alone, after the password was right; without that, for the password."""
    if not halfway.is_kept():
        return pages.go(flask.url_for("entrance.sign_in", next=_next() or None))
    return pages.render("accounts/sign_in_code.html", form=forms.Form(shapes.SignInCode), next=_next())


@blueprint.post("/sign-in/code")
@policy("accounts", "sign_in")
def do_code() -> Response:
    """Open the sign-in with the second factor."""
    form = forms.Form(shapes.SignInCode)

    def act(data: dict[str, Any]) -> bool:
        entrance.sign_in_code(data)
        return True

    if form.send(act) is not None:
        return _inside()
    if form.refusal is not None and form.refusal.code in ANEW:
        halfway.forget()
        again = forms.Form(shapes.SignIn)
        again.refusal = form.refusal
        return pages.render("accounts/sign_in.html", form.status, form=again, next=_next())
    return pages.render("accounts/sign_in_code.html", form.status, form=form, next=_next())


@blueprint.get("/home")
@policy("accounts", "own_home")
def home() -> Response:
    """Lead somebody to the home of their role."""
    return pages.go(navigation.home_of(pages.actor_here()))


@blueprint.post("/sign-out")
@policy("accounts", "sign_out")
def sign_out() -> Response:
    """End this sign-in."""
    entrance.sign_out(auth.current_actor())
    pages.said(_("You are signed out."))
    return pages.go("/sign-in")


@blueprint.get("/sign-up")
@policy("accounts", "see_door")
def sign_up() -> Response:
    """Ask who somebody is: a shop or an adviser."""
    kind = "shop_owner" if flask.request.args.get("kind") == "shop_owner" else "adviser"
    form = forms.Form(shapes.SignUp, {"kind": kind})
    return _sign_up_page(form, kind)


@blueprint.post("/sign-up")
@policy("accounts", "sign_up")
def do_sign_up() -> Response:
    """Make an account; the answer is the same whether there was one."""
    form = forms.Form(shapes.SignUp)

    def act(data: dict[str, Any]) -> str:
        entrance.sign_up(data)
        return str(data["email"])

    email = form.send(act)
    kind = "shop_owner" if form.value("kind") == "shop_owner" else "adviser"
    if email is None:
        return _sign_up_page(form, kind)
    if kind == "shop_owner":
        flask.session["begins"] = "shop"
    if _next():
        # The mail leads back without it: addresses in mails are read by others too.
        flask.session["toward"] = _next()
    return pages.render("accounts/mail_sent.html", email=email, what="verify")


def _sign_up_page(form: forms.Form, kind: str) -> Response:
    asked = ("terms", "data_processing") if kind == "shop_owner" else ("terms", "self_billing")
    texts = [one for one in agreements.present() if one.kind in asked]
    return pages.render("accounts/sign_up.html", form.status, form=form, kind=kind, next=_next(), texts=texts)


@blueprint.get("/verify")
@policy("accounts", "see_door")
def verify() -> Response:
    """Show the one button that confirms an address: a mail program that looks at links must not press it."""
    form = forms.Form(shapes.TokenIn, {"token": flask.request.args.get("token", "")[:200]})
    return pages.render("accounts/verify.html", form=form)


@blueprint.post("/verify")
@policy("accounts", "verify")
def do_verify() -> Response:
    """Confirm the address and go on to signing in."""
    form = forms.Form(shapes.TokenIn)
    email = form.send(lambda data: entrance.verify(data["token"]))
    if email is None:
        return pages.render("accounts/verify.html", form.status, form=form)
    pages.said(_("Your address %(email)s is confirmed. Sign in to go on.", email=email))
    flask.session["confirmed"] = email
    return pages.go("/sign-in")


@blueprint.get("/forgot")
@policy("accounts", "see_door")
def forgot() -> Response:
    """Ask for whom a new password is."""
    return pages.render("accounts/forgot.html", form=forms.Form(shapes.PasswordReset))


@blueprint.post("/forgot")
@policy("accounts", "reset_password")
def do_forgot() -> Response:
    """Mail a link when there is an account; the page never tells whether there is."""
    form = forms.Form(shapes.PasswordReset)

    def act(data: dict[str, Any]) -> str:
        entrance.ask_reset(data["email"])
        return str(data["email"])

    email = form.send(act)
    if email is None:
        return pages.render("accounts/forgot.html", form.status, form=form)
    return pages.render("accounts/mail_sent.html", email=email, what="reset")


@blueprint.get("/password-reset")
@policy("accounts", "see_door")
def reset() -> Response:
    """Ask for the new password."""
    form = forms.Form(shapes.PasswordResetConfirm, {"token": flask.request.args.get("token", "")[:200]})
    return pages.render("accounts/reset.html", form=form)


@blueprint.post("/password-reset")
@policy("accounts", "reset_password")
def do_reset() -> Response:
    """Set the new password; every session ends."""
    form = forms.Form(shapes.PasswordResetConfirm)

    def act(data: dict[str, Any]) -> bool:
        entrance.reset(data["token"], data["password"])
        return True

    if form.send(act) is None:
        form.values.pop("password", None)
        return pages.render("accounts/reset.html", form.status, form=form)
    pages.said(_("Your password is changed and every session is ended. Sign in with the new one."))
    return pages.go("/sign-in")


@blueprint.get("/confirm")
@policy("accounts", "reauthenticate")
def confirm() -> Response:
    """Ask for the password again."""
    return _confirm(forms.Form(shapes.Reauthenticate))


def _confirm(form: forms.Form) -> Response:
    kept = flask.request.form.get("kept", "")
    return pages.render("accounts/confirm.html", form.status, form=form, next=_next(), kept=kept)


@blueprint.post("/confirm")
@policy("accounts", "reauthenticate")
def do_confirm() -> Response:
    """Count the proof for 30 minutes and go on with what asked for it, or back to where it stood."""
    form = forms.Form(shapes.Reauthenticate)

    def act(data: dict[str, Any]) -> AuthSession:
        return entrance.reauthenticate(auth.current_actor(), data)

    if form.send(act) is None:
        form.values.pop("password", None)
        return _confirm(form)
    kept = flask.request.form.get("kept", "")
    if kept and unfinished.of(pages.actor_here(), kept) is not None:
        return pages.go(flask.url_for("entrance.go_on", kept=kept))
    pages.said(_("Confirmed for 30 minutes. Do what you wanted once more."))
    return pages.go(_next() or "/home")


@blueprint.get("/confirm/go-on")
@policy("accounts", "reauthenticate")
def go_on() -> Response:
    """Show what was typed before the proof, with one button that sends it."""
    what = unfinished.of(pages.actor_here(), flask.request.args.get("kept", ""))
    if what is None:
        pages.said(_("What you filled in is no longer kept. Fill it in once more."), "notice")
        return pages.go("/home")
    return pages.render("accounts/go_on.html", what=what)


@blueprint.get("/welcome")
@policy("accounts", "own_home")
def welcome() -> Response:
    """Show somebody without a role what they can become; who came for a shop begins with it."""
    if flask.session.pop("begins", None) == "shop":
        return pages.go("/shop/start")
    with db.session():
        return pages.render("accounts/welcome.html")
