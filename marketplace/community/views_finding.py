"""Pages by which products and pages are found or complained about: search, reviews, reports, and lists for machines."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID
from xml.sax.saxutils import escape

import flask
import sqlalchemy as sa
from werkzeug.wrappers import Response

from marketplace.accounts import public
from marketplace.advice import cards, reading
from marketplace.advice.models import AdvicePage
from marketplace.catalogue.search import service as searching
from marketplace.community import answers, asking, ranking, readers, reporting, reviewing, schemas
from marketplace.community.models_judging import REPORT_REASONS
from marketplace.core import config, db, forms, pages, wording
from marketplace.core.auth import current_actor
from marketplace.core.errors import InvalidInput
from marketplace.core.policy import policy
from marketplace.core.schemas import Text
from marketplace.core.wording import _
from marketplace.pictures import reading as pictures

blueprint = flask.Blueprint("finding", __name__)
MOST_CHARACTERS, TAKE, MOST_LISTED = 100, 24, 10_000


@blueprint.get("/search")
@policy("public", "read")
def search() -> Response:
    """Show products for the words asked for, with who advises on each; nobody can buy a place here."""
    args = flask.request.args
    # A link's code comes here too, and anything a stranger types.
    words = args.get("q", "").replace("\x00", "")[:MOST_CHARACTERS].strip()
    skip = int(args["skip"]) if args.get("skip", "").isascii() and args.get("skip", "").isdigit() else 0
    skip = min(skip, searching.DEEPEST - TAKE)
    found = searching.find(searching.Wish(words, take=TAKE, skip=skip))
    # A public page shows everybody the same, whoever is signed in.
    with db.use_scope(db.NOBODY), db.session() as session:
        shown = _products(session, found)
        topics = ranking.topics_like(session, words) if words and not skip else []
    return pages.render(
        "community/search.html", words=words, products=shown, found=found, topics=topics,
        from_link=args.get("from") == "link", more=skip + TAKE if found.more and words else None,
    )  # fmt: skip


def _products(session: Any, found: searching.Found) -> list[dict[str, Any]]:
    products = [hit.product for hit in found.hits]
    product_ids = [one.id for one in products]
    named = cards.shops(session, {one.shop_id for one in products})
    shown = pictures.of_products(session, product_ids)
    advice = _advice_on(session, product_ids)
    said = reviewing.counts(session, product_ids)
    return [
        {
            "product": one,
            "price": one.sale_price or one.price,
            "before": one.price if one.sale_price else None,
            "shop": named.get(one.shop_id, {}).get("name", ""),
            "picture": shown.get(one.id),
            "advice": advice.get(one.id, []),
            "reviews": said.get(one.id, 0),
        }
        for one in products
    ]


def _advice_on(session: Any, product_ids: Sequence[UUID]) -> Mapping[UUID, list[dict[str, Any]]]:
    """Return for products the pages about them with their adviser's name, at most three each."""
    about = reading.advising_on(session, product_ids)
    people = public.names_of(session, {one.adviser_id for one in about})
    found: dict[UUID, list[dict[str, Any]]] = {}
    for page in about:
        for product_id in set(page.product_ids) & set(product_ids):
            if len(found.setdefault(product_id, [])) < 3:
                found[product_id].append(
                    {"slug": page.slug, "title": page.title, "name": people.get(page.adviser_id, "")}
                )
    return found


@blueprint.get("/products/<uuid:product_id>/reviews")
@policy("public", "product")
def reviews(product_id: UUID) -> Response:
    """Show what buyers say of a product, and take one more review."""
    return _reviews(product_id, forms.Form(schemas.NewReview))


def _reviews(product_id: UUID, form: forms.Form) -> Response:
    with db.use_scope(db.NOBODY), db.session() as session:
        subject = asking.about_product(session, product_id)
        shop = cards.shops(session, [subject.shop_id] if subject.shop_id else []).get(
            subject.shop_id or product_id, {}
        )
        found = answers.reviews(session, reviewing.listed(session, product_id, limit=50))
        shown = pictures.of_products(session, [product_id]).get(product_id)
        advice = _advice_on(session, [product_id]).get(product_id, [])
    return pages.render(
        "community/reviews.html", form.status, subject=subject, shop=shop.get("name", ""), reviews=found,
        picture=shown, advice=advice, form=form,
    )  # fmt: skip


@blueprint.post("/products/<uuid:product_id>/reviews")
@policy("public", "review")
def review(product_id: UUID) -> Response:
    """Keep a review; whether a purchase was found stands beside it."""
    form = forms.Form(schemas.NewReview)

    def act(data: dict[str, Any]) -> UUID:
        with db.transaction(point="pages.review") as session:
            asking.about_product(session, product_id)
            readers.spend("ask")
            told = data | {"language": wording.language()}
            return reviewing.review(session, current_actor(), product_id, told, pages.business_now())

    if form.send(act) is None:
        return _reviews(product_id, form)
    pages.said(_("Your review is there. Thank you."))
    return pages.go(f"/products/{product_id}/reviews")


@blueprint.get("/report")
@policy("public", "advice")
def report() -> Response:
    """Take a report about a page, or say how far one is for whoever has its receipt."""
    return _report(forms.Form(schemas.NewReport, {"page": flask.request.args.get("page", "")}))


def _report(form: forms.Form) -> Response:
    receipt, found, unknown, about = flask.request.args.get("receipt", "")[:40], None, False, None
    with db.use_scope(db.NOBODY), db.session() as session:
        page = _named(session, form.value("page") or flask.request.args.get("page", ""))
        if receipt:
            try:
                readers.spend("report")
                found = reporting.of_receipt(session, receipt)
                # A page that was taken down since is nobody's to read; the decision says so.
                about = session.get(AdvicePage, found.page_id)
            except InvalidInput:
                unknown = True
    return pages.render(
        "community/report.html", form.status, form=form, page=page, reasons=REPORT_REASONS, receipt=receipt,
        found=found, about=about, unknown=unknown, given=flask.request.args.get("given", "")[:40],
    )  # fmt: skip


def _named(session: Any, text: str) -> AdvicePage | None:
    """Return the published page that an address or the last part of one names, or None."""
    slug = text.strip().rstrip("/").rpartition("/")[2].partition("?")[0][:80]
    query = sa.select(AdvicePage).where(AdvicePage.slug == slug, AdvicePage.state == "published")
    # No page has signs in its address that nobody sees, and the database takes no NUL.
    found: AdvicePage | None = session.scalars(query).one_or_none() if slug and slug.isprintable() else None
    return found


class PageReportForm(schemas.NewReport):
    """A report with the page that it is about: its address, or the last part of that."""

    page = Text(required=True, minimum=1, maximum=300)


@blueprint.post("/report")
@policy("public", "take_part")
def send_report() -> Response:
    """Keep a report and give its receipt."""
    form = forms.Form(PageReportForm)

    def act(data: dict[str, Any]) -> str:
        with db.transaction(point="pages.report") as session:
            page = _named(session, data.pop("page"))
            found = page or reading.of_slug(session, "-")
            reading.shown(session, found.id)
            readers.spend("report")
            return reporting.report(
                session, found.id, data | {"language": wording.language()}, pages.business_now()
            )

    receipt = form.send(act)
    if receipt is None:
        return _report(form)
    return pages.go(f"/report?receipt={receipt}&given={receipt}")


@blueprint.get("/sitemap.xml")
@policy("public", "advice")
def sitemap() -> Response:
    """List every published page, storefront and topic for search machines."""
    base = config.current().base_url
    with db.use_scope(db.NOBODY), db.session() as session:
        query = sa.select(AdvicePage.slug, AdvicePage.updated_at, AdvicePage.adviser_id, AdvicePage.topics)
        rows = session.execute(
            query.where(AdvicePage.state == "published").order_by(AdvicePage.id).limit(MOST_LISTED)
        ).all()
        codes = session.execute(
            sa.select(public.ADVISER.c.code).where(public.ADVISER.c.id.in_({row.adviser_id for row in rows}))
        ).scalars()
        storefronts = sorted(codes)
    listed = [_listed(f"{base}{path}") for path in ("/", "/topics", "/how-we-earn")]
    listed += [_listed(f"{base}/a/{row.slug}", row.updated_at) for row in rows]
    listed += [_listed(f"{base}/@{code}") for code in storefronts]
    listed += [
        _listed(f"{base}/topics/{name}") for name in sorted({name for row in rows for name in row.topics})
    ]
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
        + "".join(listed)
        + "</urlset>\n"
    )
    return flask.Response(text, mimetype="application/xml")


def _listed(address: str, changed: dt.datetime | None = None) -> str:
    stamp = f"<lastmod>{changed.date().isoformat()}</lastmod>" if changed else ""
    return f"<url><loc>{escape(address)}</loc>{stamp}</url>"


@blueprint.get("/robots.txt")
@policy("public", "advice")
def robots() -> Response:
    """Say to machines what is meant for finding."""
    lines = [
        "User-agent: *",
        *(
            f"Disallow: /{path}"
            for path in ("adviser", "shop", "finance", "admin", "account", "api/", "search", "t/", "o/")
        ),
        f"Sitemap: {config.current().base_url}/sitemap.xml",
    ]
    return flask.Response("\n".join(lines) + "\n", mimetype="text/plain")
