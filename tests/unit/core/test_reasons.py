"""Why an order is not somebody's is told as it was: no bot is called a rival, and no pause a bot."""

from __future__ import annotations

import pytest

from marketplace.core import wording
from tests.applications import application
from tests.own_settings import own_settings


def told(macro: str, code: str, locale: str, template: str = "_macros/reasons.html") -> str:
    app = application([], own_settings(database_url="postgresql:///nowhere"))
    with app.test_request_context(), wording.use(locale):
        module = app.jinja_env.get_template(template).module
        return " ".join(str(getattr(module, macro)(code)).split())


def test_who_lost_an_order_by_a_click_of_a_program_is_not_told_that_other_advice_got_it():
    assert told("lost_reason", "screened_bot", "en_NL") == (
        "The click did not come from a person: it names itself a program"
    )
    assert told("decline_reason", "redecided:2", "nl_NL") == (
        "Opnieuw beslist toen elke klik was nagekeken: hij is niet van jou"
    )
    for verdict in ("bot", "head", "prefetch", "not_document", "flood"):
        dutch = told("lost_reason", f"screened_{verdict}", "nl_NL")
        assert dutch.startswith("De klik kwam niet van een mens: ")
        assert verdict.replace("_", " ") not in dutch


@pytest.mark.parametrize("standing", ["paused", "disabled", "left", "banned"])
def test_a_click_of_a_person_that_could_not_earn_is_not_called_a_program(standing):
    assert "person" not in told("lost_reason", f"screened_{standing}", "en_NL")


@pytest.mark.parametrize(
    ("note", "dutch"),
    [("0 moved", "geen uitbetaling was verder"), ("2 moved", "2 uitbetalingen zijn verder"),
     ("ready", "de rekening kan betaald worden"), ("something new", "something new")],
)  # fmt: skip
def test_what_became_of_an_event_of_stripe_is_said_in_the_reader_s_language(note, dutch):
    assert told("note_words", note, "nl_NL", "admin/_notes.html") == dutch
