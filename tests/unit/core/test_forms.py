"""What a browser sends becomes what a schema reads, as strictly as JSON."""

from __future__ import annotations

import flask
import pytest
from marshmallow import fields
from werkzeug.datastructures import MultiDict

from marketplace.core import forms, schemas, wording
from marketplace.core.errors import Conflict, InvalidInput, NotAuthenticated, RateLimited
from marketplace.core.money import Money


class Rate(schemas.Schema):
    percent_bp = schemas.Integer(required=True, minimum=0, maximum=10_000)


class Sent(schemas.Schema):
    name = schemas.Text(required=True, minimum=1, maximum=10)
    days = schemas.Integer(load_default=30)
    ready = schemas.Boolean(load_default=False)
    amount = schemas.MoneyField(load_default=None)
    rate = fields.Nested(Rate, load_default=None)
    kinds = fields.List(schemas.Text(maximum=5), load_default=list)


def read(*pairs: tuple[str, str]) -> dict[str, object]:
    return forms.Form(Sent).read(MultiDict(pairs))


def test_fields_become_the_values_that_the_schema_wants():
    found = read(
        ("csrf_token", "x"), ("name", " Noor "), ("days", "14"), ("ready", "on"), ("rate.percent_bp", "800"),
        ("amount.amount", "12,50"), ("amount.currency", "EUR"), ("kinds", "a"), ("kinds", "b"),
    )  # fmt: skip
    assert found["name"] == "Noor"
    assert (found["days"], found["ready"], found["kinds"]) == (14, True, ["a", "b"])
    assert found["rate"] == {"percent_bp": 800}
    assert str(found["amount"]) == "12.50"


@pytest.mark.parametrize(
    ("typed", "minor"),
    [("12.50", 1250), ("12,50", 1250), ("1.250,00", 125_000), ("1,250.00", 125_000), ("18.420,1", 1_842_010), ("7", 700)],
)  # fmt: skip
def test_an_amount_is_read_with_a_comma_or_a_point_and_with_thousands_apart(typed, minor):
    found = read(("name", "x"), ("amount.amount", typed), ("amount.currency", "EUR"))
    assert found["amount"] == Money(minor, "EUR")


@pytest.mark.parametrize("locale", ["nl_NL", "en_GB"])
def test_an_amount_that_a_form_begins_with_is_typed_as_its_reader_does_and_read_back(locale):
    with wording.use(locale):
        begun = forms.money_values("amount", Money(123_450, "EUR"))
    assert begun["amount.amount"] == {"nl_NL": "1234,50", "en_GB": "1234.50"}[locale]
    assert read(("name", "x"), *begun.items())["amount"] == Money(123_450, "EUR")


def test_a_field_that_was_sent_twice_is_shown_again_as_it_was_read():
    form = forms.Form(Sent)
    sent = MultiDict([("name", "x"), ("name", "y" * 11), ("kinds", "a"), ("kinds", "b")])
    assert form.send(lambda data: data, sent) is None
    assert form.values == {"name": "y" * 11, "kinds": ["a", "b"]}


def test_a_form_that_was_sent_too_often_says_when_it_may_be_sent_again():
    app = flask.Flask("x")

    def act(_data: object) -> None:
        raise RateLimited(retry_after=282, what="x")

    app.add_url_rule("/", "x", lambda: str(forms.Form(Sent).send(act, MultiDict({"name": "x"}))))
    assert app.test_client().get("/").headers["Retry-After"] == "282"


def test_an_empty_field_counts_as_absent():
    assert read(("name", "x"), ("days", ""), ("rate.percent_bp", " "), ("kinds", ""))["days"] == 30
    with pytest.raises(InvalidInput) as refused:
        read(("name", "  "))
    assert set(refused.value.errors) == {"name"}


@pytest.mark.parametrize(
    "pair", [("days", "1.0"), ("days", "1e3"), ("ready", "maybe"), ("rate.percent_bp", "8%"), ("owner", "me"),
             ("rate.owner", "me"), ("amount.amount", "1,2,3"), ("amount.amount", "1.250"), ("amount.amount", "1.25,00"), ("kinds.0", "x")]
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_field(pair):
    with pytest.raises(InvalidInput) as refused:
        read(("name", "x"), ("amount.currency", "EUR"), pair)
    assert any(name.startswith(pair[0].split(".")[0]) for name in refused.value.errors)


def test_a_name_that_is_both_a_value_and_a_group_is_refused():
    with pytest.raises(InvalidInput):
        read(("name", "x"), ("rate", "8"), ("rate.percent_bp", "800"))


def test_a_refusal_is_kept_with_what_was_typed():
    form = forms.Form(Sent)

    def refuse(_data: object) -> None:
        raise Conflict()

    assert form.send(refuse, MultiDict({"name": "Noor", "csrf_token": "secret"})) is None
    assert (form.status, form.value("name"), form.refusal.code) == (409, "Noor", "conflict")
    assert "csrf_token" not in form.values


def test_who_is_not_signed_in_leaves_the_form():
    def refuse(_data: object) -> None:
        raise NotAuthenticated()

    with pytest.raises(NotAuthenticated):
        forms.Form(Sent).send(refuse, MultiDict({"name": "x"}))


def test_our_own_failure_is_never_shown_as_the_senders():
    def fail(_data: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        forms.Form(Sent).send(fail, MultiDict({"name": "x"}))
