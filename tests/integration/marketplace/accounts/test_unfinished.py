"""What was typed before a proof is kept for its sender alone, without secrets, and sent by one press afterwards."""

from __future__ import annotations

import dataclasses

from lxml import html

from marketplace.core import config, jobs
from tests.integration.marketplace.accounts.test_entrance_pages import HTML, PASSWORD, signed_in, token_of

NAME = "Kassa <b>& nog</b> wat"
KEY = {"name": NAME, "mode": "test", "scopes": ["orders:write"]}


def stale(world, person):
    """Sign somebody in whose proof is older than a grave act may lean on."""
    client = signed_in(world, person)
    world.execute(
        "UPDATE auth_session SET password_at = password_at - interval '31 minutes' WHERE user_id ="
        " (SELECT id FROM user_account WHERE email = :e)",
        e=person.email,
    )
    return client


def sent(client, **more):
    """Send the form of a new key and return the page that asks for the password."""
    token = token_of(client.get("/account", headers=HTML))
    given = {"csrf_token": token, "name": NAME, "next": "/account"} | more
    asked = client.post(
        "/account/keys", data=given, headers=HTML | {"Referer": "http://localhost/account/keys"}
    )
    assert asked.status_code == 403, asked.text
    return asked


def kept_in(page):
    """Return the number that a page asking for the password carries, "" for none."""
    return next(iter(html.fromstring(page.text).xpath("//main//input[@name='kept']/@value")), "")


def proved(client, page, **more):
    form = html.fromstring(page.text).xpath("//main//form")[0]
    return client.post("/confirm", data=dict(form.fields) | {"password": PASSWORD} | more, headers=HTML)


def keys(person):
    return [one["name"] for one in person.get("/api-keys")["items"]]


def test_what_was_typed_before_the_proof_is_sent_by_one_press_after_it(world):
    person = world.adviser()
    client = stale(world, person)
    asked = sent(client)
    assert NAME not in asked.text
    wrong = proved(client, asked, password="something else entirely")
    assert wrong.status_code == 401
    answer = proved(client, wrong)
    address = answer.headers["Location"]
    assert address == f"/confirm/go-on?kept={kept_in(asked)}"
    page = client.get(address, headers=HTML)
    form = html.fromstring(page.text).xpath("//main//form")[0]
    assert form.action == "/account/keys"
    assert form.fields["name"] == NAME
    assert NAME in html.fromstring(page.text).text_content()
    assert keys(person) == [], "nothing is done before the press"
    assert client.post(form.action, data=dict(form.fields), headers=HTML).status_code == 200
    assert keys(person) == [NAME]


def test_no_secret_is_kept_and_what_lies_in_valkey_can_be_read_by_nobody_else(world):
    client = stale(world, world.adviser())
    number = kept_in(sent(client, password="pears", totp="123456", recovery_code="x", code="7"))
    lies = jobs.connection().get(f"aan-unfinished:{number}")
    assert b"Kassa" not in lies
    assert 0 < jobs.connection().ttl(f"aan-unfinished:{number}") <= 600
    proved(client, sent(client))
    page = client.get(f"/confirm/go-on?kept={number}", headers=HTML)
    assert set(html.fromstring(page.text).xpath("//main//form")[0].fields) == {"csrf_token", "name", "next"}


def test_nobody_else_and_no_other_sign_in_of_the_same_person_goes_on_with_it(world):
    person = world.adviser()
    number = kept_in(sent(stale(world, person)))
    for other in (signed_in(world, person), signed_in(world, world.adviser())):
        answer = other.get(f"/confirm/go-on?kept={number}", headers=HTML)
        assert answer.headers["Location"] == "/home"
        assert NAME not in answer.text
    assert world.app.test_client().get(f"/confirm/go-on?kept={number}", headers=HTML).status_code == 401


def test_what_another_site_sent_is_too_large_or_gone_or_has_no_valkey_is_filled_in_once_more(world):
    client = stale(world, world.adviser())
    for token in ("", "0" * 128):
        assert kept_in(sent(client, csrf_token=token)) == "", "another site sent it"
    assert kept_in(sent(client, name="x" * 70_000)) == ""
    asked = sent(client)
    jobs.connection().flushall()
    for number in (kept_in(asked), "", "x", "../../x", "a" * 22):
        assert client.get(f"/confirm/go-on?kept={number}", headers=HTML).headers["Location"] == "/home"
    settings = config.current()
    config.use(dataclasses.replace(settings, redis_url="unix:///nowhere/valkey.sock"))
    try:
        assert kept_in(sent(client)) == ""
    finally:
        config.use(settings)
    assert proved(client, asked).headers["Location"] == "/account/keys"
