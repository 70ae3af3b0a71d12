"""Pages that anybody reads: an advice page, an adviser's storefront, topics; with what readers do on them."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID

import flask
import segno
import sqlalchemy as sa
from markupsafe import Markup
from werkzeug.wrappers import Response

from marketplace.accounts import profiles, public
from marketplace.advice import reading
from marketplace.advice.models import AdvicePage
from marketplace.community import (
    answering,
    asking,
    following,
    ranking,
    readers,
    schemas,
    showing,
    structured,
    voting,
)
from marketplace.core import config, db, forms, pages, wording
from marketplace.core.actor import ANONYMOUS
from marketplace.core.auth import current_actor
from marketplace.core.errors import InvalidInput, NotFound
from marketplace.core.policy import policy
from marketplace.core.schemas import Boolean, Schema, Text, Uuid
from marketplace.core.wording import _
from marketplace.pictures import reading as pictures

blueprint = flask.Blueprint("reading", __name__)
SPOKEN = {"nl": "nl_NL", "en": "en_NL"}
TAKE = 24


class UsefulForm(Schema):
    """One vote from a page."""

    what = Text(required=True)
    id = Uuid(required=True)
    is_taken_back = Boolean(load_default=False)


class FollowForm(Schema):
    """An address that wants to follow."""

    email = schemas.NewFollow().fields["email"]


@blueprint.get("/a/<slug>")
@policy("public", "advice")
def advice(slug: str) -> Response:
    """Show a page; 410 when it was withdrawn or taken down."""
    return _advice(slug, forms.Form(schemas.NewPageQuestion))


def _advice(slug: str, form: forms.Form) -> Response:
    # A public page shows everybody the same, whoever is signed in.
    with db.use_scope(db.NOBODY), db.session() as session:
        page, document = reading.published(session, slug)
        _speak(page.language)
        face = showing.face(session, page, document, pages.business_now(), _reader())
        twin = _twin(session, page)
        more = ranking.pages(
            session, pages.business_now(), adviser_id=page.adviser_id, language=page.language, take=4
        )
    base = config.current().base_url
    address = f"{base}/a/{page.slug}"
    return pages.render(
        "advice/page.html", form.status, face=face, page=page, document=document, form=form, twin=twin,
        more=[one for one in more if one.id not in (page.id, page.twin_id)][:3],
        address=address, qr=qr(f"{address}?via=qr"), data=structured.of_page(face, base),
    )  # fmt: skip


@blueprint.post("/a/<slug>/ask")
@policy("public", "take_part")
def ask(slug: str) -> Response:
    """Ask the adviser of a page; the question is seen once it is answered."""
    form = forms.Form(schemas.NewPageQuestion)

    def act(data: dict[str, Any]) -> UUID:
        with db.transaction(point="pages.ask") as session:
            page = reading.of_slug(session, slug)
            _speak(page.language)
            subject = asking.about_page(session, page.id, data.pop("block"))
            readers.spend("ask")
            return asking.ask(
                session, current_actor(), subject, data | {"language": page.language}, pages.business_now()
            )

    if form.send(act) is None:
        return _advice(slug, form)
    return _asked(form, f"/a/{slug}")


@blueprint.post("/a/<slug>/useful")
@policy("public", "take_part")
def useful(slug: str) -> Response:
    """Say that something on a page is useful, or take it back."""
    form, actor = forms.Form(UsefulForm), current_actor()
    key = readers.key(actor)

    def act(data: dict[str, Any]) -> int:
        with db.transaction(point="pages.useful") as session:
            if data["what"] not in voting.COLUMNS:
                raise NotFound("vote", data["what"])
            voting.require_shown(session, data["what"], data["id"])
            readers.spend("vote")
            reader = voting.reader_of(actor, key)
            now = pages.business_now()
            return voting.vote(
                session, data["what"], data["id"], reader, now, taken_back=data["is_taken_back"]
            )

    if form.send(act) is None:
        return _advice(slug, forms.Form(schemas.NewPageQuestion))
    place = "" if form.values.get("what") == "page" else f"#v-{form.values.get('id')}"
    return readers.keep(pages.go(f"/a/{slug}{place}"), actor, key)


@blueprint.get("/@<handle>")
@policy("public", "advice")
def storefront(handle: str) -> Response:
    """Show who an adviser is, what of it is verified, and everything they advise."""
    return _storefront(handle, forms.Form(FollowForm), forms.Form(schemas.NewQuestion))


def _storefront(handle: str, form: forms.Form, question: forms.Form) -> Response:
    now = pages.business_now()
    with db.use_scope(db.NOBODY), db.session() as session:
        who = _adviser(session, handle)
        adviser = profiles.shown(session, who.id, now)
        shown = ranking.pages(session, now, adviser_id=who.id, language=wording.language(), take=TAKE)
        covers = showing.covers(session, shown)
        portrait = pictures.portraits(session, [who.id]).get(who.id)
        asked = asking.listed(
            session, ANONYMOUS, asking.Wish(adviser_id=who.id, state="answered"), limit=TAKE
        )
        answers = _answers(session, [one for one in asked if one.page_id is None], {who.id: who.display_name})
        followers = following.followers(session, [who.id]).get(who.id, 0)
    status = max(form.status, question.status)
    return pages.render(
        "advice/storefront.html", status, adviser=adviser, shown=shown[:TAKE], covers=covers, portrait=portrait,
        questions=answers, answered=len(asked), followers=followers, form=form, question=question,
        address=f"{config.current().base_url}/@{handle}",
    )  # fmt: skip


@blueprint.post("/@<handle>/follow")
@policy("public", "take_part")
def follow(handle: str) -> Response:
    """Follow an adviser: at once when signed in, else by a link that is mailed."""
    form, actor = forms.Form(FollowForm), current_actor()

    def act(data: dict[str, Any]) -> bool:
        with db.transaction(point="pages.follow") as session:
            who, now = _adviser(session, handle), pages.business_now()
            if actor.user_id is None and not data["email"]:
                raise InvalidInput({"email": [_("Say where we can mail you.")]})
            readers.spend("follow")
            if actor.user_id is not None:
                following.follow(session, actor, who.id, wording.language(), now)
            else:
                following.ask(session, who.id, data["email"], wording.language(), now)
            return actor.user_id is not None

    followed = form.send(act)
    if followed is None:
        return _storefront(handle, form, forms.Form(schemas.NewQuestion))
    pages.said(
        _("You follow this adviser from now on.")
        if followed
        else _("We sent a mail to %(email)s: follow by the link in it.", email=form.values.get("email"))
    )
    return pages.go(f"/@{handle}")


@blueprint.post("/@<handle>/ask")
@policy("public", "take_part")
def ask_adviser(handle: str) -> Response:
    """Ask an adviser something that is about no page."""
    form = forms.Form(schemas.NewQuestion)

    def act(data: dict[str, Any]) -> UUID:
        with db.transaction(point="pages.ask_adviser") as session:
            subject = asking.about_adviser(session, _adviser(session, handle).id)
            readers.spend("ask")
            told = data | {"language": wording.language()}
            return asking.ask(session, current_actor(), subject, told, pages.business_now())

    if form.send(act) is None:
        return _storefront(handle, forms.Form(FollowForm), form)
    return _asked(form, f"/@{handle}")


@blueprint.get("/follow")
@policy("public", "advice")
def follow_link() -> Response:
    """Ask once more before a link of a mail counts: machines open links too."""
    args = flask.request.args
    token = args.get("token", "")[:200]
    with db.use_scope(db.NOBODY), db.session() as session:
        name = following.whom(session, token)
    return pages.render("community/follow.html", token=token, ends=bool(args.get("end")), name=name)


@blueprint.post("/follow")
@policy("public", "take_part")
def follow_by_link() -> Response:
    """Follow, or follow no more, by the link of a mail; mail programs post to it on their own (RFC 8058)."""
    said = flask.request.values
    ends, token = said.get("end") == "1", said.get("token", "")[:200]
    with db.transaction(point="pages.follow_link") as session:
        act = following.end_by_link if ends else following.confirm
        found = act(session, token, pages.business_now())
        handle = public.adviser(session, found.adviser_id).code
    pages.said(_("You follow this adviser no more.") if ends else _("You follow this adviser from now on."))
    return pages.go(f"/@{handle}")


def qr(address: str) -> Markup:
    """Return an address as a QR code, drawn as SVG."""
    drawn = io.BytesIO()
    segno.make(address, error="m").save(
        drawn, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=2, dark="#1d1b16", light="#ffffff"
    )
    return Markup(drawn.getvalue().decode())  # noqa: S704 - drawn from modules, without any text of others.


def _asked(form: forms.Form, path: str) -> Response:
    """Thank in the form itself, which stands far below the top of its page."""
    email = form.values.get("email")
    pages.said(
        _(
            "Your question is with the adviser. Its answer stands here and is mailed to %(email)s.",
            email=email,
        )
        if email
        else _("Your question is with the adviser. It stands here once it is answered."),
        "asked",
    )
    return pages.go(f"{path}#ask")


def _answers(session: Any, asked: Any, known: dict[UUID, str]) -> list[dict[str, Any]]:
    told = answering.of(session, [one.id for one in asked], known=known)
    return [{"question": one, "answers": told.get(one.id, [])} for one in asked]


def _adviser(session: Any, handle: str) -> Any:
    query = sa.select(public.ADVISER).where(
        public.ADVISER.c.code == handle, public.ADVISER.c.state != "banned"
    )
    found = session.execute(query).one_or_none()
    if found is None:
        raise NotFound("adviser", handle)
    return found


def _twin(session: Any, page: AdvicePage) -> AdvicePage | None:
    if page.twin_id is None:
        return None
    twin: AdvicePage | None = session.get(AdvicePage, page.twin_id)
    return twin if twin is not None and twin.state == "published" else None


def _reader() -> bytes | None:
    """Return under which digest this reader votes; None for who never did."""
    actor = current_actor()
    key = flask.request.cookies.get(readers.COOKIE, "")
    return voting.reader_of(actor, key) if key or actor.user_id is not None else None


def _speak(language: str) -> None:
    """Speak the language of a page: who reads Dutch advice reads Dutch labels."""
    if wording.language() != language:
        wording.speak(SPOKEN[language])
