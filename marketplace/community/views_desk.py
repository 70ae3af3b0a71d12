"""An adviser's desk: the list of pages, the editor with its live preview, and the inbox of questions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import flask
import marshmallow as ma
from werkzeug.wrappers import Response

from marketplace.accounts import limits, public
from marketplace.advice import cards, checks, disclosure, publishing, reading, writing
from marketplace.advice import schemas as advice_schemas
from marketplace.catalogue.models import Product
from marketplace.catalogue.search import service as searching
from marketplace.community import (
    alike,
    answering,
    answers,
    asking,
    editing,
    ranking,
    schemas,
    views_twin,
    voting,
)
from marketplace.core import db, forms, pages, wording
from marketplace.core import schemas as core
from marketplace.core.auth import current_actor
from marketplace.core.errors import AppError, InvalidInput
from marketplace.core.policy import policy
from marketplace.core.web import body_limit
from marketplace.core.wording import _
from marketplace.pictures import drawing
from marketplace.pictures import service as picture_service

blueprint = flask.Blueprint("desk", __name__)
TAKE = 100


class BeginForm(advice_schemas.NewAdvice):
    """A page to begin from the list: its kind; the language is the one that is spoken."""

    language = core.Text(load_default=None, allow_none=True)


class AnswerForm(core.Schema):
    """An answer from the inbox: a text or a saved one, and a product by its address."""

    body = core.Text(load_default="", maximum=3_000, multiline=True)
    saved = core.Text(load_default="", maximum=40)
    product = core.Text(load_default="", maximum=2_000)
    keep_as = core.Text(load_default="", maximum=80)
    # Others who asked the same: the answer reaches them too.
    also = ma.fields.List(core.Uuid(), load_default=[], validate=[ma.validate.Length(max=TAKE)])


@blueprint.get("/adviser/advice")
@policy("advice_desk", "use")
def index() -> Response:
    """Show one's pages with where each stands, and what to begin from."""
    actor = current_actor()
    with db.session() as session:
        wish = reading.Wish(adviser_id=actor.adviser())
        shown = reading.listed(session, actor, wish, after=None, limit=TAKE)
        drafts = reading.drafts_of(session, [one.id for one in shown])
        waiting = asking.waiting(session, [one.id for one in shown])
        useful = voting.counts(session, "page", [one.id for one in shown])
    return pages.render(
        "advice/index.html", shown=shown[:TAKE], drafts=drafts, waiting=waiting, useful=useful,
        templates=list(writing.TEMPLATES),
    )  # fmt: skip


@blueprint.post("/adviser/advice")
@policy("advice_desk", "use")
def begin() -> Response:
    """Begin a page and open it; pressed twice, it is one page."""
    form, page_id = forms.Form(BeginForm), pages.once_sent()

    def act(data: dict[str, Any]) -> UUID:
        told = data | {"language": data["language"] or wording.language()}
        with db.transaction(point="pages.begin_advice") as session:
            return writing.begin(session, current_actor(), told, pages.business_now(), page_id).id

    made = form.send(act)
    if made is None:
        pages.said(_("That page could not be begun."), "notice")
        return pages.go("/adviser/advice")
    return pages.go(f"/adviser/advice/{made}")


@blueprint.get("/adviser/advice/<uuid:page_id>")
@policy("advice_desk", "use")
def editor(page_id: UUID) -> Response:
    """Show the editor of a page of one's own."""
    return _editor(page_id)


def _editor(page_id: UUID, refusal: AppError | None = None, pasted: str = "", sent: Any = None) -> Response:
    """Return the editor as the draft stands; refusal: why the last press changed nothing; sent: what was typed then."""
    actor = current_actor()
    with db.session() as session:
        draft = writing.draft_of(session, actor, page_id)
        page = reading.owned(session, actor, page_id)
        if sent is not None:
            # What could not be kept is not lost: it stands in the fields again, to be mended.
            session.expunge(draft)
            draft.title, draft.verdict = sent["title"], sent["verdict"]
            draft.topics, draft.blocks = sent["topics"], editing.filled(sent["blocks"])
        now = pages.business_now()
        earning = cards.earning(session, [draft.adviser_id])
        told, found = checks.findings(session, draft.adviser_id, draft, now, earning)
        adviser = public.profile(session, draft.adviser_id)
        seen = editing.preview(session, draft, adviser, found)
        steps = reading.events(session, actor, page_id)[:1] if page.state == "taken_down" else []
        others = views_twin.choices(session, actor, page)
        topics = ranking.topics(session, draft.language)
    is_words = pasted and not pasted.startswith("http")
    hits = searching.find(searching.Wish(pasted, take=6)).hits if is_words else []
    errors = getattr(refusal, "errors", {})
    form = SimpleNamespace(refusal=refusal, errors=errors, value=lambda name, default="": default)
    return pages.render(
        "advice/editor.html", refusal.status if refusal else 200, draft=draft, page=page, findings=told,
        blocking=sum(one.is_blocking for one in told), cards={card["id"]: card for card in found}, seen=seen,
        adviser=adviser, form=form, pasted=pasted, hits=hits, steps=steps,
        ways=disclosure.texts()[draft.language]["obtained"],
        joined={str(row["offer_id"]): str(row["shop_id"]) for row in earning.values()}, kinds=list(writing.TEMPLATES),
        others=others, topics=topics, wrongs=editing.wrongs(errors, draft.blocks),
    )  # fmt: skip


@blueprint.post("/adviser/advice/<uuid:page_id>")
@policy("advice_desk", "use")
def save(page_id: UUID) -> Response:
    """Save the draft, then do what the pressed button says; what was typed is shown again when it is refused."""
    actor, sent = current_actor(), flask.request.form
    wanted, pasted = sent.get("act", "save"), sent.get("paste", "").strip()[:2000]
    given: dict[str, Any] = {}
    try:
        given = editing.read(sent)
        edit = editing.number_of(sent.get("edit", ""))
        now = pages.business_now()
        with db.transaction(point="pages.save_advice") as session:
            changed = editing.act(session, actor.adviser(), given["blocks"], wanted, pasted)
            data = _loaded({**given, "blocks": changed, "edit": edit})
            draft = writing.save(session, actor, page_id, data, now)
            newest = draft.edit
        if wanted == "publish":
            with db.transaction(point="pages.publish_advice") as session:
                page = publishing.publish(session, actor, page_id, newest, now)
            undo = flask.url_for("desk.withdraw", page_id=page_id)
            pages.said(_("Readers see it now: share the address of this page."), undo=undo)
            return pages.go(f"/a/{page.slug}")
    except AppError as refusal:
        if refusal.status >= 500 or refusal.status in (401, 403, 404):
            raise
        return _editor(page_id, refusal, pasted, given or None)
    is_search = wanted == "card" and pasted and not pasted.startswith("http")
    if is_search or "HX-Request" in flask.request.headers:
        return _editor(page_id, None, pasted if is_search else "")
    # On with what is new: that is what somebody who added it wants to fill in.
    known = {block["id"] for block in given["blocks"]}
    new = next((f"#b-{block['id']}" for block in draft.blocks if block["id"] not in known), "")
    return pages.go(f"/adviser/advice/{page_id}{new}")


def _loaded(given: dict[str, Any]) -> dict[str, Any]:
    try:
        found: dict[str, Any] = advice_schemas.DraftChange().load(given)
    except ma.ValidationError as error:
        raise InvalidInput(core.flatten(error.normalized_messages())) from error  # type: ignore[no-untyped-call]
    return found


@blueprint.post("/adviser/advice/<uuid:page_id>/pictures")
@policy("advice_desk", "use")
@body_limit(drawing.MOST_BYTES + 20_000)
def add_picture(page_id: UUID) -> Response:
    """Draw a picture anew, keep it, and put it at the end of the page."""
    actor, request = current_actor(), flask.request
    try:
        limits.spend("picture.send", str(actor.adviser()))
        alt, files = request.form.get("alt", "").strip()[:200], request.files.getlist("file")
        if len(files) != 1 or not alt or any(ord(char) < 32 for char in alt):
            raise InvalidInput({"file": ["Choose one picture, and say in words what it shows."]})
        data = files[0].read()
        picture_service.refuse_name(files[0].filename or "", data)
        drawn = drawing.draw(data)
        now = pages.business_now()
        with db.transaction(point="pages.add_picture") as session:
            draft = writing.draft_of(session, actor, page_id)
            picture = picture_service.take(session, actor, drawn, kind="page", alt=alt, now=now)
            block = {
                "id": f"p{str(picture.id)[-8:]}",
                "type": "picture",
                "picture_id": str(picture.id),
                "alt": alt,
            }
            change = {"edit": draft.edit, "blocks": [*draft.blocks, block]}
            writing.save(session, actor, page_id, change, now)
    except AppError as refusal:
        if refusal.status >= 500 or refusal.status in (401, 403, 404):
            raise
        return _editor(page_id, refusal)
    return pages.go(f"/adviser/advice/{page_id}#add")


@blueprint.post("/adviser/advice/<uuid:page_id>/withdraw")
@policy("advice_desk", "use")
def withdraw(page_id: UUID) -> Response:
    """Take a page of one's own away from readers; publishing it again undoes that."""
    with db.transaction(point="pages.withdraw_advice") as session:
        publishing.withdraw(session, current_actor(), page_id, pages.business_now())
    pages.said(_("Readers no longer see it. Publish it again whenever you like."))
    return pages.go(f"/adviser/advice/{page_id}")


@blueprint.get("/adviser/questions")
@policy("advice_desk", "use")
def questions() -> Response:
    """Show what readers asked: what waits first, then what was answered."""
    return _questions()


def _questions(form: forms.Form | None = None, about: UUID | None = None) -> Response:
    actor = current_actor()
    state = flask.request.args.get("state", "waiting")
    state = state if state in ("waiting", "answered", "set_aside") else "waiting"
    with db.session() as session:
        wish = asking.Wish(adviser_id=actor.adviser(), state=state)
        found = answers.questions(session, asking.listed(session, actor, wish, limit=TAKE)[:TAKE])
        titles = {
            one.id: one
            for one in reading.listed(
                session, actor, reading.Wish(adviser_id=actor.adviser()), after=None, limit=TAKE
            )
        }
        facts = cards.facts(session, [one["product_id"] for one in found if one["product_id"]])
        saved = answering.saved(session, actor)
    return pages.render(
        "advice/questions.html", form.status if form else 200, groups=alike.together(found), pages=titles,
        facts=facts, saved=saved, state=state, form=form, about=about,
    )  # fmt: skip


@blueprint.post("/adviser/questions/<uuid:question_id>/answer")
@policy("advice_desk", "answer")
def answer(question_id: UUID) -> Response:
    """Answer a question; readers see both from now on, and who asked is told once."""
    form, actor = forms.Form(AnswerForm), current_actor()
    with db.session() as session:
        asking.asked_of(session, actor, question_id)

    def act(data: dict[str, Any]) -> int:
        now = pages.business_now()
        with db.transaction(point="pages.answer") as session:
            kept = {str(one.id): one.body for one in answering.saved(session, actor)}
            body = data["body"] or kept.get(data["saved"], "")
            if len(body) < 2:
                raise InvalidInput({"body": ["Write an answer, or choose a saved one."]})
            product = editing.product_of(session, data["product"]) if data["product"] else None
            if data["product"] and product is None:
                raise InvalidInput({"product": ["No shop here sells that. Paste the address of a product."]})
            told = {"body": body, "product_id": product.id if isinstance(product, Product) else None}
            asked = dict.fromkeys([question_id, *data["also"]])
            for one in asked:
                answering.answer(session, actor, one, told, now)
            if data["keep_as"]:
                answering.save(session, actor, {"title": data["keep_as"], "body": body}, now)
        return len(asked)

    reached = form.send(act)
    if reached is None:
        return _questions(form, question_id)
    several = _("Answered %(num)s questions with it. Readers see them on the page.", num=reached)
    pages.said(several if reached > 1 else _("Answered. Readers see it on the page."))
    return pages.go("/adviser/questions")


@blueprint.post("/adviser/questions/<uuid:question_id>/set-aside")
@policy("advice_desk", "answer")
def set_aside(question_id: UUID) -> Response:
    """Leave a question unanswered; nobody sees it."""
    form = forms.Form(schemas.Reason)
    with db.session() as session:
        asking.asked_of(session, current_actor(), question_id)

    def act(data: dict[str, Any]) -> bool:
        with db.transaction(point="pages.set_aside") as session:
            asking.set_aside(session, current_actor(), question_id, data["reason"], pages.business_now())
        return True

    if form.send(act) is None:
        return _questions(form, question_id)
    pages.said(_("Set aside. Nobody sees it."))
    return pages.go("/adviser/questions")
