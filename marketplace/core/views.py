"""The pages that every room shares: choices of the reader, and the style guide that shows every macro."""

from __future__ import annotations

import flask
from werkzeug.wrappers import Response

from marketplace.core import pages, refusals, samples, wording
from marketplace.core.errors import NotFound
from marketplace.core.policy import policy

blueprint = flask.Blueprint("pages", __name__)


@blueprint.post("/preferences")
@policy("public", "choose")
def choose() -> Response:
    """Remember the theme or the language that was chosen, and go back; nothing else is remembered."""
    form = flask.request.form
    response = pages.go(pages.own_address(form.get("next"), "/"))
    theme, locale, shop = form.get("theme"), form.get("locale"), form.get("shop")
    if theme is not None:
        response = pages.prefer(response, pages.THEME_COOKIE, theme if theme in pages.THEMES else "")
    if locale is not None:
        response = pages.prefer(response, pages.LOCALE_COOKIE, locale if locale in wording.LOCALES else "")
    if shop is not None:
        # The choice counts only where the shop is the reader's; that is asked each time it is read.
        response = pages.prefer(response, pages.SHOP_COOKIE, shop[:36])
    return response


@blueprint.get("/styleguide")
@policy("public", "read")
def styleguide() -> Response:
    """Show every macro in every state."""
    return pages.render("styleguide.html", **samples.samples())


@blueprint.get("/problems/<problem>")
@policy("public", "read")
def problem(problem: str) -> Response:
    """Explain one code of refusal: the address that every refusal of the API names as its `type`."""
    told = refusals.told_of(problem)
    if told is None:
        raise NotFound("problem", problem)
    return pages.render("errors/problem.html", code=problem, told=told)
