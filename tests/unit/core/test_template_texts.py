"""Texts of templates are in the reader's language, and what somebody gave stays text in them."""

from __future__ import annotations

from pathlib import Path

import flask
import pytest

from marketplace.core import pages, wording

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def app() -> flask.Flask:
    made = flask.Flask("texts", root_path=str(ROOT))
    pages.install(made)
    return made


def said(app: flask.Flask, template: str, locale: str, **facts: str) -> str:
    with app.app_context(), wording.use(locale):
        return app.jinja_env.from_string(template).render(**facts)


def test_text_is_said_in_the_language_of_each_reader_in_turn(app):
    told = {locale: said(app, '{{ _("Overview") }}', locale) for locale in ("en_NL", "nl_NL", "en_GB")}
    assert told == {"en_NL": "Overview", "nl_NL": "Overzicht", "en_GB": "Overview"}


def test_facts_are_escaped_in_a_page_and_not_in_plain_words(app):
    text = '{{ _("%(name)s advises", name=who) }}'
    assert said(app, text, "en_NL", who="<b>") == "&lt;b&gt; advises"
    plain = "{% autoescape false %}" + text + "{% endautoescape %}"
    assert said(app, plain, "en_NL", who="<b>") == "<b> advises"


def test_sign_of_per_cent_is_one_with_and_without_facts(app):
    assert (
        said(app, '{{ _("8%% of it") }}{{ _("8%% of %(what)s", what="all") }}', "en_NL")
        == "8% of it8% of all"
    )
