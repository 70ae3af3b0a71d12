"""/adviser/profile: who an adviser is to readers and shops, and what of it was checked."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import flask
from werkzeug.wrappers import Response

from marketplace.accounts import advisers, evidence, influence, profiles, public
from marketplace.accounts import schemas_influence as shapes
from marketplace.accounts import schemas_people as people
from marketplace.core import db, hooks, pages, wording
from marketplace.core.auth import current_actor
from marketplace.core.forms import Form
from marketplace.core.policy import policy
from marketplace.core.web import request_now
from marketplace.core.wording import _

blueprint = flask.Blueprint("adviser_profile_pages", __name__)
SHOWN = ("display_name", "kind", "country", "headline", "home_page")
PROFILE = people.ProfileChange(only=(*SHOWN, "biography"))


@blueprint.get("/adviser/profile")
@policy("adviser_pages", "read")
def show() -> Response:
    """Show one's own profile as a form, with the state of each piece of evidence."""
    return _page(None, Form(shapes.NewEvidence))


@blueprint.post("/adviser/profile")
@policy("advisers", "update")
def update() -> Response:
    """Change one's own profile; readers see it at once."""
    actor, now, form = current_actor(), request_now(), Form(PROFILE)

    def act(data: dict[str, Any]) -> bool:
        cleared = {name: None for name in ("headline", "home_page") if name not in data}
        with db.transaction() as session:
            advisers.update_profile(session, actor, cleared | data, now)
        return True

    sent = flask.request.form.copy()
    if sent.get("home_page") and "://" not in sent["home_page"]:
        # People write their site as their browser shows it.
        sent["home_page"] = f"https://{sent['home_page'].strip()}"
    with db.session() as session:
        before = advisers.get(session, actor.adviser())
        is_first = not (before.headline or before.biography_nl or before.biography_en)
    if form.send(act, sent) is None:
        return _page(form, Form(shapes.NewEvidence))
    pages.said(_("Your profile is changed; readers see it so from now on."))
    # Who fills it in for the first time came from the list of first steps, and goes on there.
    return pages.go("/adviser" if is_first else flask.url_for("adviser_profile_pages.show"))


@blueprint.post("/adviser/profile/evidence")
@policy("evidence", "state")
def state() -> Response:
    """State what makes one what one is; it counts once it is verified."""
    actor, now, form = current_actor(), request_now(), Form(shapes.NewEvidence)

    def act(data: dict[str, Any]) -> UUID:
        with db.transaction(point="pages.state_evidence") as session:
            return evidence.state(session, actor, data, now).id

    if form.send(act) is None:
        return _page(None, form)
    pages.said(_("Sent. We look at it and mail you the outcome."))
    return pages.go(flask.url_for("adviser_profile_pages.show", _anchor="evidence"))


@blueprint.post("/adviser/profile/evidence/<uuid:evidence_id>/withdraw")
@policy("evidence", "state")
def withdraw(evidence_id: UUID) -> Response:
    """Take one's own evidence back; a badge that rests on it goes."""
    actor, now = current_actor(), request_now()
    with db.transaction(point="pages.withdraw_evidence") as session:
        evidence.withdraw(session, actor, evidence_id, now)
    pages.said(_("The evidence is taken back."))
    return pages.go(flask.url_for("adviser_profile_pages.show", _anchor="evidence"))


def _page(form: Form | None, stated: Form) -> Response:
    actor, now = current_actor(), request_now()
    with db.session() as session:
        adviser = advisers.get(session, actor.adviser())
        shown = profiles.shown(session, adviser.id, now)
        wanted = {"state": None, "kind": None, "adviser_id": adviser.id}
        found = evidence.listed(session, actor, wanted, None, 50)
        shops = public.shop_names(session)
        # A room above keeps pictures.
        find = hooks.figures.get(("profile", "portrait"))
        portrait = find(session, adviser.id) if find is not None else None
    if form is None:
        form = Form(
            PROFILE,
            {name: getattr(adviser, name) for name in SHOWN}
            | {"biography.nl": adviser.biography_nl, "biography.en": adviser.biography_en},
        )
    language = wording.language()
    kinds = [
        (kind.name, influence.filled(kind.evidence_wanted, kind)[language])
        for kind in influence.KINDS.values()
        if kind.is_person
    ]
    return pages.render(
        "profile/adviser.html",
        max(form.status, stated.status),
        adviser=adviser,
        shown=shown,
        portrait=portrait,
        takes_portrait=find is not None,
        found=found,
        kinds=kinds,
        shops=shops,
        countries=_countries(),
        form=form,
        stated=stated,
    )


def _countries() -> list[tuple[str, str]]:
    """Return all countries that have two letters, by their names in the language that is spoken."""
    names = wording.locale().territories
    found = [
        (code, str(name))
        for code, name in names.items()
        if len(code) == 2 and code not in ("ZZ", "EU", "EZ", "UN")
    ]
    return sorted(found, key=lambda one: one[1])
