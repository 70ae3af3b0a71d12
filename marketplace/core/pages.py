"""Pages for people: one way to draw them, to move on after an act, and to give a list as CSV.

Everything a template may use that is not its own data is hung up here: the actor, where they can go, the language,
the theme, the formats, the token of forms.
"""

from __future__ import annotations

import csv as csv_files
import datetime as dt
import hmac
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import flask
from markupsafe import Markup
from werkzeug.wrappers import Response

from marketplace.core import (
    assets,
    auth,
    clock,
    complaints,
    config,
    formats,
    ids,
    navigation,
    packing,
    reachable,
    returning,
    tenancy,
    wording,
)
from marketplace.core.actor import ANONYMOUS, Actor
from marketplace.core.errors import AppError, NotFound
from marketplace.core.icons import icon
from marketplace.core.money import Money

THEMES = ("light", "dark")
THEME_COOKIE, LOCALE_COOKIE, SHOP_COOKIE = "theme", "locale", "shop"
YEAR = 31_536_000


def install(app: flask.Flask) -> None:
    """Give templates of this application their formats, texts and macros."""
    environment = app.jinja_env
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        wording.gettext, wording.ngettext, newstyle=True, pgettext=wording.pgettext
    )
    environment.globals["_"] = wording.in_template
    environment.filters.update(
        money=formats.money,
        number=formats.number,
        rate=formats.rate,
        share=formats.share,
        instant=formats.instant,
        long_day=formats.long_day,
        clock_time=formats.clock_time,
        outward=formats.outward,
        category=formats.category,
        day=lambda when: formats.day(when, business_now()),
        ago=lambda when: formats.ago(when, business_now()),
        # A sentence that came with the data. "_" is for sentences of the template: it takes a sign of per cent for
        # a place to fill in and angle brackets for its own markup, so somebody's words are not for it.
        translated=complaints.told,
        reachable=lambda address: reachable.reachable(address, config.current()),
    )
    environment.globals.update(
        asset=assets.address,
        icon=icon,
        csrf=csrf_field,
        money_of=formats.of,
        languages=wording.LOCALES,
        here=lambda: flask.request.full_path.rstrip("?"),
        explain=explain,
        once=once,
    )
    app.after_request(packing.pack)


def business_now() -> dt.datetime:
    """Return business time, the same instant for the whole request."""
    if "now" not in flask.g:
        flask.g.now = clock.now()
    now: dt.datetime = flask.g.now
    return now


def begin() -> None:
    """Speak the reader's language from here on: as chosen, else as their browser asks."""
    chosen = flask.request.cookies.get(LOCALE_COOKIE) or None
    wished = flask.request.args.get("hl")
    if wished in ("nl", "en"):
        # A public page has an address of its own for each language, for search machines and for sharing.
        chosen = chosen if chosen and chosen.startswith(wished) else {"nl": "nl_NL", "en": "en_NL"}[wished]
    wording.speak(wording.choose(chosen, list(flask.request.accept_languages.values())))


def actor_here() -> Actor:
    """Return who asks for this page; anonymous also when the request was refused before that was known."""
    actor: Actor = flask.g.get("actor", ANONYMOUS)
    return actor


def csrf_field() -> Markup:
    """Return the hidden field that proves that our own page sent a form; empty for who is not signed in."""
    actor = actor_here()
    if actor.via != "session":
        return Markup("")
    if "csrf" not in flask.g:
        # Once a page: a mask for each form would be bytes that can't be packed.
        flask.g.csrf = auth.csrf_masked(actor)
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(flask.g.csrf)


def render(template: str, status: int = 200, /, **context: Any) -> Response:
    """Draw a page with everything that all pages share and return it as the answer.

    template: its path below templates/; status: of the answer; context: the page's own data.
    """
    actor = actor_here()
    area = navigation.area_at(flask.request.path, actor)
    theme = flask.request.cookies.get(THEME_COOKIE, "")
    shared = {
        "actor": actor,
        "now": business_now(),
        "language": wording.language(),
        "locale_name": wording.locale_name(),
        "theme": theme if theme in THEMES else "",
        # Not "area", which is a macro of the parts: a page that takes it would lose its ways.
        "rail": area,
        "areas": navigation.areas_of(actor),
        "again": returning.again(status),
        "way": navigation.current_way(area, flask.request.path) if area else None,
        "home": navigation.home_of(actor),
        "demo": config.current().clock_moves,
        "base_url": config.current().base_url,
        "asked_language": flask.request.args.get("hl") == wording.language(),
    }
    response = flask.make_response(flask.render_template(template, **{**shared, **context}), status)
    response.headers["Content-Language"] = wording.language()
    return response


def go(address: str) -> Response:
    """Move the browser on after an act (303), so that reloading does not send it again."""
    return flask.redirect(address, 303)


def said(text: str, kind: str = "done", undo: str | None = None) -> None:
    """Say something on the next page: kind "done" or "notice"; undo: where a form takes it back, when it can be."""
    flask.flash({"text": text, "undo": undo}, kind)  # type: ignore[arg-type]


def own_address(wanted: str | None, otherwise: str) -> str:
    """Return an address of this site that a request named (`next`), or `otherwise` when it is not one.

    What begins with two slashes or holds a backslash leads elsewhere in some browsers, so it does not count.
    """
    if not wanted or not wanted.startswith("/") or wanted.startswith("//") or "\\" in wanted:
        return otherwise
    parts = urlsplit(wanted)
    return otherwise if parts.scheme or parts.netloc or any(ord(char) < 32 for char in wanted) else wanted


def current_shop(actor: Actor) -> UUID:
    """Return the shop whose pages somebody sees: named in the address, else chosen before, else their first.

    Raises NotFound for somebody without a shop, and for a shop that is not theirs.
    """
    named = flask.request.args.get("shop_id") or flask.request.form.get("shop_id")
    for text, strict in ((named, True), (flask.request.cookies.get(SHOP_COOKIE), False)):
        if not text:
            continue
        try:
            wanted = UUID(text)
        except ValueError as error:
            if strict:
                raise NotFound("shop", text) from error
            continue
        if strict or tenancy.works_for(actor, "pages.remembered_shop", wanted):
            return tenancy.require_shop(actor, "pages.shop", wanted)
    if not actor.shop_ids:
        raise NotFound("shop", "of yours")
    return actor.shop_ids[0]


def once() -> str:
    """Return the field `once` of a form that makes one thing however often it is sent: its id, signed for who reads."""
    made = ids.new_id()
    return f"{made}.{_once_proof(made)}"


def once_sent() -> UUID:
    """Return the id that the form which was sent carries; a new one where it carries none of ours."""
    text, _, proof = flask.request.form.get("once", "").partition(".")
    try:
        made = UUID(text)
    except ValueError:
        return ids.new_id()
    return made if hmac.compare_digest(proof.encode(), _once_proof(made).encode()) else ids.new_id()


def _once_proof(made: UUID) -> str:
    told = f"once:{actor_here().user_id}:{made}".encode()
    return hmac.digest(config.current().secret_key.encode(), told, "sha256").hex()[:32]


def explain(error: AppError) -> dict[str, str]:
    """Return a refusal in the reader's language: {title, detail, unchanged, next}.

    A sentence for programs ("Send POST ...") has a twin for people in the texts, under the refusal's code.
    """
    told = {
        "title": wording.pgettext(error.code, error.title),
        "detail": wording.pgettext(error.code, error.detail),
        "unchanged": wording.pgettext("unchanged", error.unchanged),
        "next": wording.pgettext(f"{error.code}.next", error.next),
    }
    facts = {key: _as_text(value) for key, value in error.facts.items()}
    return {name: text.format_map(_Shown(facts)) if "{" in text else text for name, text in told.items()}


def _as_text(value: Any) -> Any:
    kinds: dict[type, Callable[[Any], str]]
    kinds = {Money: formats.money, dt.datetime: formats.instant, dt.date: formats.long_day}
    return kinds[type(value)](value) if type(value) in kinds else value


class _Shown(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


Column = tuple[str, Callable[[Any], Any]]


def csv(rows: Iterable[Any], columns: Sequence[Column], name: str) -> Response:
    """Give a list as a file: UTF-8 with BOM, ISO dates, dot decimals, money with its minor units beside it.

    columns: (heading, how to take it from a row), in order; name: of the file, without ending.
    A cell that a spreadsheet would run as a formula begins with an apostrophe (OWASP, CSV injection).
    """
    out = io.StringIO()
    write = csv_files.writer(out)
    write_header = True
    for row in rows:
        heads: list[str] = []
        cells: list[Any] = []
        for heading, take in columns:
            for extra, cell in _cells(take(row)):
                heads.append(heading + extra)
                cells.append(cell)
        if write_header:
            write.writerow(heads)
            write_header = False
        write.writerow(cells)
    if write_header:
        write.writerow([heading for heading, _take in columns])
    response = flask.Response("\ufeff" + out.getvalue(), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _cells(value: Any) -> list[tuple[str, Any]]:
    """Return a value as the cells that it fills, each with what its heading ends with."""
    if isinstance(value, Money):
        return [("", str(value)), (" (minor units)", value.minor), (" (currency)", value.currency)]
    if isinstance(value, dt.datetime):
        return [("", value.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"))]
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r", "\N{FULLWIDTH EQUALS SIGN}"):
        return [("", "'" + value)]
    return [("", "" if value is None else value)]


def prefer(response: Response, name: str, value: str) -> Response:
    """Remember a choice of the reader (theme, locale, shop) in a cookie that says nothing else about them."""
    secure = config.current().base_url.startswith("https")
    if value:
        response.set_cookie(name, value, max_age=YEAR, secure=secure, httponly=True, samesite="Lax")
    else:
        response.delete_cookie(name, secure=secure, httponly=True, samesite="Lax")
    return response


def wants_page(request: flask.Request) -> bool:
    """Tell whether a refusal should be a page: a browser asks, and not for the API or the house's own doors."""
    if request.path.startswith(("/api/", "/_dev/", "/webhooks/", "/health")):
        return False
    return request.accept_mimetypes.best_match(("application/problem+json", "text/html")) == "text/html"


def one_time(prefix: str) -> str:
    """Return an id for an element of a page that is drawn several times."""
    return f"{prefix}-{ids.short_code(6)}"
