"""Pages on which somebody takes on a role or a duty: an invitation, becoming an adviser, agreeing to a text."""

from __future__ import annotations

from typing import Any

import flask
from werkzeug.wrappers import Response

from marketplace.accounts import advisers, agreements, entrance, shops, users
from marketplace.accounts import schemas_people as people
from marketplace.accounts import schemas_shops as shapes
from marketplace.core import auth, db, forms, pages
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _

blueprint = flask.Blueprint("joining", __name__)


@blueprint.get("/invitations/accept")
@policy("accounts", "see_door")
def invitation() -> Response:
    """Show the one button that accepts; who is not signed in is led through the door and back here."""
    form = forms.Form(shapes.TokenIn, {"token": flask.request.args.get("token", "")[:200]})
    return pages.render("accounts/invitation.html", form=form)


@blueprint.post("/invitations/accept")
@policy("invitations", "accept")
def accept_invitation() -> Response:
    """Join the shop of an invitation and go to its pages."""
    form = forms.Form(shapes.TokenIn)
    joined = form.send(lambda data: entrance.accept_invitation(auth.current_actor(), data["token"]))
    if joined is None:
        return pages.render("accounts/invitation.html", form.status, form=form)
    pages.said(_("Welcome. From now on you work for this shop."))
    return pages.prefer(pages.go("/shop"), pages.SHOP_COOKIE, str(joined.shop_id))


@blueprint.get("/account/become-adviser")
@policy("advisers", "become")
def become_adviser() -> Response:
    """Ask what an adviser is called and who they are to readers."""
    actor = auth.current_actor()
    if actor.adviser_id is not None:
        return pages.go(_after())
    form = forms.Form(people.BecomeAdviser, {"display_name": actor.name, "country": "NL", "kind": "user"})
    return pages.render("accounts/become_adviser.html", form=form, next=_after())


def _after() -> str:
    return pages.own_address(flask.request.values.get("next"), "/adviser")


@blueprint.post("/account/become-adviser")
@policy("advisers", "become")
def do_become_adviser() -> Response:
    """Make an adviser of somebody with an account."""
    form, actor = forms.Form(people.BecomeAdviser), auth.current_actor()

    def act(data: dict[str, Any]) -> bool:
        with db.transaction() as session:
            advisers.become(session, users.get(session, users.id_of(actor)), data, request_now())
        return True

    if form.send(act) is None:
        return pages.render("accounts/become_adviser.html", form.status, form=form, next=_after())
    pages.said(_("You are an adviser now. Join an offer and paste a product: your first link is there."))
    return pages.go(_after())


@blueprint.get("/account/agreements")
@policy("agreements", "read")
def list_agreements() -> Response:
    """Show the texts in force and to which of them somebody agreed."""
    return _agreements(forms.Form(shapes.NewAgreement))


@blueprint.post("/account/agreements")
@policy("agreements", "accept")
def agree() -> Response:
    """Agree to one text in force, known by its version and hash."""
    form, actor = forms.Form(shapes.NewAgreement), auth.current_actor()

    def act(data: dict[str, Any]) -> bool:
        with db.transaction() as session:
            agreements.agree(session, actor, data, request_now())
        return True

    if form.send(act) is None:
        return _agreements(form)
    pages.said(_("You agreed. The date and the hash of the text are kept."))
    return pages.go("/account/agreements")


def _agreements(form: forms.Form) -> Response:
    actor = auth.current_actor()
    with db.session() as session:
        agreed = agreements.of_actor(session, actor)
        lacking = agreements.not_agreed(session, actor)
        owned = shops.owned(session, actor, 100)
    return pages.render(
        "accounts/agreements.html",
        form.status,
        form=form,
        documents=agreements.present(),
        agreed=agreed,
        lacking=lacking,
        shop_names={shop.id: shop.name for shop in owned},
    )
