"""The door as pages: who comes in, what is asked again, and what another site can't make a browser do."""

from __future__ import annotations

import datetime as dt
import gzip
import re

import flask
import pyotp
import pytest
import time_machine

from marketplace.core import clock, config, pages, web
from marketplace.core.money import Money
from marketplace.core.policy import policy

PASSWORD = "a long sentence about pears"
HTML = {"Accept": "text/html"}


def browser(world):
    return world.app.test_client(use_cookies=True)


def signed_in(world, person, **more):
    client = browser(world)
    data = {"email": person.email, "password": PASSWORD, **more}
    answer = client.post("/sign-in", data=data, headers=HTML)
    assert answer.status_code == 303, answer.text
    return client


def token_of(page):
    return re.search(r'name="csrf_token" value="([0-9a-f]{128})"', page.text)[1]


def test_somebody_signs_up_confirms_by_a_button_and_comes_in(world):
    client, email = browser(world), "stan@example.org"
    form = {"kind": "adviser", "name": "Stan", "email": email, "password": PASSWORD, "locale": "nl"}
    assert client.post("/sign-up", data=form | {"adviser_kind": "user"}, headers=HTML).status_code == 200
    token = world.mailed_token("verify_email", email)
    looked = client.get(f"/verify?token={token}", headers=HTML)
    assert token in looked.text
    assert client.get(f"/verify?token={token}", headers=HTML).status_code == 200
    assert client.post("/verify", data={"token": token}, headers=HTML).headers["Location"] == "/sign-in"
    home = client.post("/sign-in", data={"email": email, "password": PASSWORD}, headers=HTML)
    assert home.headers["Location"] == "/home"
    assert client.get("/home", headers=HTML).headers["Location"] == "/adviser"


def test_who_came_for_a_shop_begins_with_it(world):
    client, email = browser(world), "kees@example.org"
    form = {"kind": "shop_owner", "name": "Kees", "email": email, "password": PASSWORD, "locale": "nl"}
    assert client.post("/sign-up", data=form, headers=HTML).status_code == 200
    client.post("/verify", data={"token": world.mailed_token("verify_email", email)}, headers=HTML)
    client.post("/sign-in", data={"email": email, "password": PASSWORD}, headers=HTML)
    assert client.get("/welcome", headers=HTML).headers["Location"] == "/shop/start"
    # Once only: whoever goes back may choose otherwise.
    assert client.get("/welcome", headers=HTML).status_code == 200


def test_a_wrong_password_keeps_the_address_and_never_shows_the_password(world):
    person = world.adviser()
    wrong = {"email": person.email, "password": "pears about sentence long a"}
    page = browser(world).post("/sign-in", data=wrong, headers=HTML)
    assert page.status_code == 401
    assert person.email in page.text
    assert wrong["password"] not in page.text
    assert "The e-mail address or the password is wrong" in page.text


def code_of(person):
    # The code of now was spent by the sign-in that made this person.
    return pyotp.TOTP(person.facts["secret"]).at(int(clock.wall().timestamp()) + 30)


def asked_for_code(world, person):
    client = browser(world)
    given = {"email": person.email, "password": PASSWORD, "next": "/finance"}
    answer = client.post("/sign-in", data=given, headers=HTML)
    assert answer.headers["Location"] == "/sign-in/code?next=/finance"
    return client


def test_the_second_factor_is_asked_for_alone_after_the_password(world):
    person = world.staff("finance")
    client = asked_for_code(world, person)
    page = client.get("/sign-in/code?next=/finance", headers=HTML)
    assert page.status_code == 200
    assert 'name="password"' not in page.text
    wrong = client.post("/sign-in/code", data={"totp": "000000"}, headers=HTML)
    assert wrong.status_code == 403
    assert 'name="totp"' in wrong.text
    code = code_of(person)
    answer = client.post("/sign-in/code", data={"totp": code, "next": "/finance"}, headers=HTML)
    assert answer.headers["Location"] == "/finance"
    assert client.get("/account", headers=HTML).status_code == 200
    # What was kept between the steps opens nothing a second time.
    assert client.get("/sign-in/code", headers=HTML).status_code == 303


def test_no_code_opens_anything_without_a_right_password_before(world):
    person = world.staff("finance")
    client = browser(world)
    assert client.get("/sign-in/code", headers=HTML).headers["Location"] == "/sign-in"
    refused = client.post("/sign-in/code", data={"totp": code_of(person)}, headers=HTML)
    assert refused.status_code == 401
    assert client.get("/account", headers=HTML).status_code == 401


def test_a_password_changed_between_the_steps_ends_the_sign_in(world):
    person = world.staff("finance")
    client = asked_for_code(world, person)
    world.execute("UPDATE user_account SET password_hash = :h WHERE email = :e", h="$other$", e=person.email)
    refused = client.post("/sign-in/code", data={"totp": code_of(person)}, headers=HTML)
    assert refused.status_code == 401
    assert 'name="password"' in refused.text
    assert client.get("/account", headers=HTML).status_code == 401


def test_the_second_step_is_over_after_five_minutes(world):
    client = asked_for_code(world, world.staff("finance"))
    with time_machine.travel(clock.wall() + dt.timedelta(minutes=6)):
        refused = client.post("/sign-in/code", data={"totp": "000000"}, headers=HTML)
    assert refused.status_code == 401
    assert 'name="password"' in refused.text


def test_a_code_opens_one_sign_in_and_wrong_ones_are_counted_at_the_second_step(world):
    person = world.staff("finance")
    first, second = (asked_for_code(world, person) for _ in range(2))
    code = code_of(person)
    assert first.post("/sign-in/code", data={"totp": code}, headers=HTML).status_code == 303
    assert second.post("/sign-in/code", data={"totp": code}, headers=HTML).status_code == 403
    tried = [
        second.post("/sign-in/code", data={"totp": "000000"}, headers=HTML).status_code for _ in range(5)
    ]
    # Five tries in five minutes, of which the used code was one; then the right code opens nothing either.
    assert tried == [403, 403, 403, 403, 429]
    late = pyotp.TOTP(person.facts["secret"]).at(int(clock.wall().timestamp()) + 30)
    refused = second.post("/sign-in/code", data={"totp": late}, headers=HTML)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert second.get("/account", headers=HTML).status_code == 401


def test_nobody_comes_in_by_another_s_right_password_nor_when_suspended_between_the_steps(world):
    mine, other = world.staff("finance"), world.staff("admin")
    client = asked_for_code(world, mine)
    refused = client.post("/sign-in/code", data={"totp": code_of(other)}, headers=HTML)
    assert refused.status_code == 403
    # What the browser keeps is signed: another one's id in it is as good as nothing.
    kept = client.get_cookie("session").value
    client.set_cookie("session", kept[:10] + ("A" if kept[10] != "A" else "B") + kept[11:])
    assert client.post("/sign-in/code", data={"totp": code_of(mine)}, headers=HTML).status_code == 401
    client.set_cookie("session", kept)
    world.execute("UPDATE user_account SET suspended_at = now() WHERE email = :e", e=mine.email)
    answer = client.post("/sign-in/code", data={"totp": code_of(mine)}, headers=HTML)
    assert answer.status_code == 403
    assert client.get("/account", headers=HTML).status_code == 401


def test_signing_up_signing_in_and_becoming_an_adviser_keep_where_one_was_going(world):
    there, email = "/adviser/offers/00000000-0000-0000-0000-000000000007", "kim@example.org"
    client = browser(world)
    page = client.get(f"/sign-up?kind=adviser&next={there}", headers=HTML)
    form = {"kind": "adviser", "name": "Kim", "email": email, "password": PASSWORD, "locale": "nl"}
    assert f'name="next" value="{there}"' in page.text
    client.post("/sign-up", data=form | {"adviser_kind": "user", "next": there}, headers=HTML)
    mailed = world.mailed_token("verify_email", email)
    assert client.post("/verify", data={"token": mailed}, headers=HTML).headers["Location"] == "/sign-in"
    signs = {"email": email, "password": PASSWORD}
    assert client.post("/sign-in", data=signs, headers=HTML).headers["Location"] == there
    led = browser(world)
    led.post("/sign-up", data=form | {"email": "x@example.org", "next": "//evil.example"}, headers=HTML)
    assert led.post("/sign-in", data=signs, headers=HTML).headers["Location"] == "/home"
    owner = signed_in(world, world.owner())
    asks = owner.get(f"/account/become-adviser?next={there}", headers=HTML)
    given = {
        "csrf_token": token_of(asks),
        "next": there,
        "display_name": "Kees",
        "kind": "user",
        "country": "NL",
    }
    assert owner.post("/account/become-adviser", data=given, headers=HTML).headers["Location"] == there
    assert owner.get(f"/account/become-adviser?next={there}", headers=HTML).headers["Location"] == there


def test_signing_in_leads_only_to_pages_of_ours(world):
    person = world.adviser()
    form = {"email": person.email, "password": PASSWORD}
    for wanted, expected in (("/adviser/links?q=1", "/adviser/links?q=1"), ("//evil.example", "/home")):
        answer = browser(world).post("/sign-in", data=form | {"next": wanted}, headers=HTML)
        assert answer.headers["Location"] == expected


def test_signing_out_needs_the_token_of_the_page_and_ends_the_session(world):
    client = signed_in(world, world.adviser())
    page = client.get("/confirm", headers=HTML)
    assert client.post("/sign-out", headers=HTML).status_code == 403
    assert client.get("/confirm", headers=HTML).status_code == 200
    out = client.post("/sign-out", data={"csrf_token": token_of(page)}, headers=HTML)
    assert out.headers["Location"] == "/sign-in"
    assert client.get("/confirm", headers=HTML).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}],
)
def test_another_site_cannot_sign_a_browser_in(world, headers):
    person = world.adviser()
    form = {"email": person.email, "password": PASSWORD}
    answer = browser(world).post("/sign-in", data=form, headers=HTML | headers)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers
    # A script elsewhere can send bare bytes, which name no media type, without asking us first.
    bare = browser(world).post("/sign-in", data=b"", headers=HTML | headers)
    assert bare.status_code == 403


def test_a_page_asks_who_one_is_and_leads_back(world):
    page = browser(world).get("/confirm?next=/adviser", headers=HTML)
    assert page.status_code == 401
    assert 'name="next" value="/confirm?next=/adviser"' in page.text


def test_a_proof_counts_and_leads_back(world):
    client = signed_in(world, world.adviser())
    page = client.get("/confirm?next=/adviser/payout-account", headers=HTML)
    form = {"csrf_token": token_of(page), "password": PASSWORD, "next": "/adviser/payout-account"}
    wrong = client.post("/confirm", data=form | {"password": "something else entirely"}, headers=HTML)
    assert wrong.status_code == 401
    assert client.post("/confirm", data=form, headers=HTML).headers["Location"] == "/adviser/payout-account"


def test_a_forgotten_password_is_replaced_through_the_mailbox(world):
    person, client = world.adviser(), browser(world)
    asked = client.post("/forgot", data={"email": person.email}, headers=HTML)
    unknown = client.post("/forgot", data={"email": "nobody@example.org"}, headers=HTML)
    assert asked.text.replace(person.email, "") == unknown.text.replace("nobody@example.org", "")
    form = {
        "token": world.mailed_token("password_reset", person.email),
        "password": "another sentence of apples",
    }
    assert client.post("/password-reset", data=form, headers=HTML).headers["Location"] == "/sign-in"
    again = client.post("/password-reset", data=form, headers=HTML)
    assert again.status_code == 410


def test_who_signs_up_reads_what_they_are_asked_to_agree_to_later(world):
    client = browser(world)
    texts = {
        kind: client.get(f"/sign-up?kind={kind}", headers=HTML).text for kind in ("adviser", "shop_owner")
    }
    assert all("Terms of Aanrader, version 1" in text for text in texts.values())
    assert "Self-billing consent" in texts["adviser"] and "Self-billing consent" not in texts["shop_owner"]
    assert "Data processing agreement of" in texts["shop_owner"]


def test_texts_follow_the_choice_then_the_browser(world):
    client = browser(world)
    assert "Maak een account" in client.get("/sign-up", headers=HTML | {"Accept-Language": "nl-BE"}).text
    assert "Make an account" in client.get("/sign-up", headers=HTML | {"Accept-Language": "de"}).text
    chosen = client.post("/preferences", data={"locale": "nl_NL", "next": "/sign-up"}, headers=HTML)
    assert chosen.headers["Location"] == "/sign-up"
    page = client.get("/sign-up", headers=HTML | {"Accept-Language": "en"})
    assert '<html lang="nl"' in page.text
    assert page.headers["Content-Language"] == "nl"


def test_the_theme_is_drawn_by_the_server(world):
    client = browser(world)
    client.post("/preferences", data={"theme": "dark", "next": "//evil.example"}, headers=HTML)
    assert 'data-theme="dark"' in client.get("/sign-in", headers=HTML).text
    client.post("/preferences", data={"theme": '"><script>'}, headers=HTML)
    assert "data-theme=" not in client.get("/sign-in", headers=HTML).text


def test_what_is_not_there_is_a_page_for_people_and_a_problem_for_programs(world):
    page = browser(world).get("/nothing/here", headers=HTML)
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert browser(world).get("/nothing/here").content_type == "application/problem+json"
    assert browser(world).get("/api/v1/nothing", headers=HTML).content_type == "application/problem+json"


def test_every_page_is_packed_and_its_length_is_never_the_same(world):
    packs = HTML | {"Accept-Encoding": "gzip"}
    client = signed_in(world, world.adviser())
    for asks in (
        lambda: browser(world).get("/sign-in", headers=packs),
        lambda: client.get("/confirm", headers=packs),
    ):
        answers = [asks() for _ in range(12)]
        assert {one.headers.get("Content-Encoding") for one in answers} == {"gzip"}
        assert all(gzip.decompress(one.data).startswith(b"<!doctype html>") for one in answers)
        assert len({len(one.data) for one in answers}) > 4
    assert "Content-Encoding" not in client.get("/confirm", headers=HTML).headers


def test_a_page_that_another_site_asks_for_or_that_answers_a_form_is_not_packed(world):
    packs = HTML | {"Accept-Encoding": "gzip"}
    client = signed_in(world, world.adviser())
    for site in ("cross-site", "same-site"):
        foreign = client.get("/confirm", headers=packs | {"Sec-Fetch-Site": site})
        assert "Content-Encoding" not in foreign.headers
    # What is shown once, keys and recovery codes, are answers to forms.
    form = {"csrf_token": token_of(client.get("/confirm", headers=HTML)), "password": "not this one at all"}
    answer = client.post("/confirm", data=form, headers=packs | {"Sec-Fetch-Site": "same-origin"})
    assert (answer.status_code, answer.mimetype) == (401, "text/html")
    assert "Content-Encoding" not in answer.headers


def test_the_token_of_a_page_differs_each_time_and_each_works_but_no_other(world):
    client = signed_in(world, world.adviser())
    stranger = token_of(signed_in(world, world.adviser()).get("/confirm", headers=HTML))
    first, second = (token_of(client.get("/confirm", headers=HTML)) for _ in range(2))
    assert not {first[:64], first[64:]} & {second[:64], second[64:]}
    forged = [
        stranger, first[:64] + second[64:], first[:-1] + ("0" if first[-1] != "0" else "1"), first[64:], first * 2,
        "0" * 64, "0" * 128, "", "z" * 128, "\u0660" * 128,
    ]  # fmt: skip
    for token in forged:
        answer = client.post("/preferences", data={"theme": "dark", "csrf_token": token}, headers=HTML)
        assert answer.status_code == 403, token
    for token in (first, second):
        sent = {"theme": "dark", "csrf_token": token}
        assert client.post("/preferences", data=sent, headers=HTML).status_code == 303


def test_pages_carry_the_strict_policy_and_nothing_inline(world):
    page = browser(world).get("/sign-in", headers=HTML)
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|javascript:", page.text)


def test_a_list_as_a_file_says_money_exactly_and_runs_no_formula(world):
    with world.app.test_request_context("/"):
        file = pages.csv(
            [
                {"who": "=HYPERLINK(1)", "amount": Money(-450, "EUR")},
                {"who": "Noor", "amount": Money(1032, "EUR")},
            ],
            [("Who", lambda row: row["who"]), ("Amount", lambda row: row["amount"])],
            "earnings",
        )
    lines = file.get_data(as_text=True).splitlines()
    assert lines[0] == "\ufeffWho,Amount,Amount (minor units),Amount (currency)"
    assert lines[1:] == ["'=HYPERLINK(1),-4.50,-450,EUR", "Noor,10.32,1032,EUR"]


def test_what_broke_on_our_side_is_said_without_detail(database):
    blueprint = flask.Blueprint("broken", __name__)

    @blueprint.get("/broken")
    @policy("public", "read")
    def broken():
        raise RuntimeError("secret detail")

    from marketplace.core import views

    app = web.create_app(config.current(), [blueprint, views.blueprint])
    page = app.test_client().get("/broken", headers=HTML)
    assert page.status_code == 500
    assert "secret detail" not in page.text
    assert "Something broke on our side" in page.text
