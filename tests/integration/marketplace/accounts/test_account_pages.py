"""Pages about one's own account: each act does what its API twin does, is refused in place, and shows a secret once."""

from __future__ import annotations

import re

import pyotp
import pytest
from lxml import html

PASSWORD = "a long sentence about pears"
HTML = {"Accept": "text/html"}


class Browser:
    """Somebody who reads our pages and sends their forms, with the token that stands in them."""

    def __init__(self, world):
        self.client = world.app.test_client(use_cookies=True)
        self.token = ""

    def get(self, path, status=200):
        answer = self.client.get(path, headers=HTML)
        assert answer.status_code == status, (path, answer.status_code, answer.text[:600])
        if found := re.search(r'name="csrf_token" value="([0-9a-f]{128})"', answer.text):
            self.token = found[1]
        return answer

    def post(self, path, status=303, **fields):
        sent = {name.replace("__", "."): value for name, value in fields.items()}
        answer = self.client.post(path, data=sent | {"csrf_token": self.token}, headers=HTML)
        assert answer.status_code == status, (path, answer.status_code, answer.text[:600])
        return answer


def browsing(world, person, **more):
    one = Browser(world)
    signed = one.client.post(
        "/sign-in", data={"email": person.email, "password": PASSWORD, **more}, headers=HTML
    )
    assert signed.status_code == 303, signed.text
    one.home = signed.headers["Location"]
    return one


def texts(answer, path):
    return [" ".join(one.text_content().split()) for one in html.fromstring(answer.text).xpath(path)]


def test_the_account_shows_who_one_is_and_takes_a_new_name_and_language(world):
    person = world.owner()
    me = browsing(world, person)
    assert person.email in me.get("/account").text
    assert "Perenhuis" in me.get("/account").text
    saved = me.post("/account", name='Stan "<b>', locale="nl_NL")
    assert "nl_NL" in saved.headers["Set-Cookie"]
    page = me.get("/account")
    assert 'value="Stan &#34;&lt;b&gt;"' in page.text
    assert texts(page, "//h1") == ["Je account"]
    assert person.get("/me")["name"] == 'Stan "<b>'
    refused = me.post("/account", 422, name="see https://evil.example")
    assert html.fromstring(refused.text).xpath("//input[@id='name'][@aria-invalid='true']")


def test_a_program_changes_its_name_as_the_page_does_and_is_refused_the_same_names(world):
    person, other = world.adviser(), world.owner()
    before = other.get("/me")["name"]
    assert person.patch("/me", {"name": "Noor de Boer"})["name"] == "Noor de Boer"
    assert person.get("/me")["name"] == "Noor de Boer"
    assert other.get("/me")["name"] == before
    for wrong in ({"name": ""}, {"name": "p" * 81}, {"name": "see https://pear.example"}, {}):
        assert person.patch("/me", wrong, status=422)["errors"]
    assert person.get("/me")["name"] == "Noor de Boer"
    assert world.call("PATCH", "/me", {"name": "Nobody"}, status=401)


def test_a_password_is_changed_with_the_present_one_and_ends_every_session(world):
    person = world.adviser()
    me = browsing(world, person)
    me.get("/account/password")
    wrong = me.post("/account/password", 401, password="not it at all, no", new_password=PASSWORD + "!!")
    assert "is wrong" in wrong.text and PASSWORD not in wrong.text
    me.post("/account/password", 422, password=PASSWORD, new_password="short")
    done = me.post("/account/password", password=PASSWORD, new_password=PASSWORD + " and apples")
    assert done.headers["Location"] == "/sign-in"
    person.get("/me", 401)
    me.get("/account", 401)


def test_sessions_are_listed_and_end_one_by_one_or_all_at_once(world):
    person = world.adviser()
    me, phone = browsing(world, person), browsing(world, person)
    page = me.get("/account/sessions")
    assert texts(page, "//tbody/tr/th") == ["Browser", "Browser This one", "Program with a token"]
    there = html.fromstring(page.text).xpath("//tbody/tr[1]//form/@action")[0]
    me.post(there)
    phone.get("/account", 401)
    stranger = browsing(world, world.adviser())
    stranger.get("/account/sessions")
    stranger.post(html.fromstring(page.text).xpath("//tbody/tr[2]//form/@action")[0], 404)
    assert me.post("/account/sessions/end-all").headers["Location"] == "/sign-in"
    me.get("/account", 401)
    person.get("/me", 401)


def test_people_of_the_platform_set_up_their_second_factor_before_anything_else(world):
    person = world.staff("admin", enrolled=False)
    me = browsing(world, person)
    assert me.home == "/account/second-factor"
    assert "Set up your second factor first" in me.get("/account/sessions", 403).text
    me.get("/account")
    me.get("/account/second-factor")
    begun = me.post("/account/second-factor/begin", 200)
    secret = html.fromstring(begun.text).xpath("//input[@name='secret']/@value")[0]
    assert html.fromstring(begun.text).xpath("//div[@class='qr']/*[local-name()='svg']")
    again = me.post("/account/second-factor/confirm", 403, code="000000", secret=secret)
    # The secret stays in sight, or one slip would mean beginning anew.
    assert html.fromstring(again.text).xpath("//input[@name='secret']/@value") == [secret]
    done = me.post("/account/second-factor/confirm", 200, code=pyotp.TOTP(secret).now(), secret=secret)
    codes = texts(done, "//ol[@class='codes']/li")
    assert len(set(codes)) == 8
    me.get("/account/sessions")
    shown = me.get("/account/second-factor")
    assert not any(code in shown.text or secret in shown.text for code in codes)
    me.post("/account/second-factor/disable", 403)
    assert world.rows("SELECT totp_secret FROM user_account WHERE email = :e", e=person.email)[0][
        "totp_secret"
    ]


def test_others_take_their_second_factor_away_again(world):
    person = world.adviser()
    me = browsing(world, person)
    me.get("/account/second-factor")
    begun = me.post("/account/second-factor/begin", 200)
    secret = html.fromstring(begun.text).xpath("//input[@name='secret']/@value")[0]
    me.post("/account/second-factor/confirm", 200, code=pyotp.TOTP(secret).now(), secret=secret)
    me.post("/account/second-factor/begin", 409)
    me.post("/account/second-factor/disable")
    assert person.get("/me")["totp_enrolled"] is False


def test_a_key_is_shown_once_does_what_it_may_and_is_ended(world):
    person = world.owner()
    me = browsing(world, person)
    assert "No keys yet" in me.get("/account/keys").text
    made = me.post("/account/keys", 200, name="<i>server</i>", mode="live", scopes="orders:*")
    text = re.search(r"aan_live_[A-Za-z0-9_-]+", made.text)[0]
    assert "&lt;i&gt;server&lt;/i&gt;" in made.text
    page = me.get("/account/keys")
    assert text not in page.text
    assert texts(page, "//tbody/tr/td[2]") == ["orders:*"]
    world.call("GET", "/shops", token=text, status=403)
    refused = me.post("/account/keys", 422, name="x", scopes="no:such")
    assert "That part of the API does not exist" in refused.text
    # What somebody sent comes back as they wrote it: neither markup nor a place to fill in.
    echoed = me.post("/account/keys", 422, name="x", scopes="<b>100%</b>")
    assert "&lt;b&gt;100%&lt;/b&gt;" in echoed.text
    me.post(html.fromstring(page.text).xpath("//tbody/tr[1]//form/@action")[0])
    world.call("GET", "/me", token=text, status=401)


def test_an_invitation_is_accepted_by_a_button_after_the_door(world):
    owner, guest = world.owner(), world.sign_up()
    owner.post("/invitations", {"email": guest.email, "role": "staff"}, status=201)
    token = world.mailed_token("invitation", guest.email)
    stranger = Browser(world)
    door = html.fromstring(stranger.get(f"/invitations/accept?token={token}").text)
    [way] = [one for one in door.xpath("//main//a/@href") if one.startswith("/sign-in")]
    form = html.fromstring(stranger.get(way).text)
    [back] = form.xpath("//main//input[@name='next']/@value")
    assert back == f"/invitations/accept?token={token}"
    other = browsing(world, world.adviser())
    other.get(back)
    assert "another" in other.post("/invitations/accept", 403, token=token).text
    me = browsing(world, guest)
    me.get(back)
    assert guest.get("/me")["shop_ids"] == []
    joined = me.post("/invitations/accept", token=token)
    assert joined.headers["Location"] == "/shop"
    assert guest.get("/me")["shop_ids"] == [owner.facts["shop_id"]]
    me.get(back)
    assert "used, was revoked or has expired" in me.post("/invitations/accept", 410, token=token).text


def test_somebody_with_an_account_becomes_an_adviser_once(world):
    person = world.owner()
    me = browsing(world, person)
    me.get("/account/become-adviser")
    me.post("/account/become-adviser", 422, display_name="", kind="user", country="NL")
    done = me.post("/account/become-adviser", display_name="Stan", kind="expert", country="NL", code="")
    assert done.headers["Location"] == "/adviser"
    assert person.get("/adviser-profile")["kind"] == "expert"
    assert me.get("/account/become-adviser", 303).headers["Location"] == "/adviser"


def test_agreements_show_each_text_and_are_given_by_its_hash(world):
    person = world.owner()
    me = browsing(world, person)
    page = html.fromstring(me.get("/account/agreements").text)
    forms = page.xpath("//form[contains(@action, 'agreements')]")
    assert len(forms) == 2
    for form in forms:
        me.post("/account/agreements", **dict(form.fields))
    assert not html.fromstring(me.get("/account/agreements").text).xpath(
        "//form[contains(@action, '/account/agreements')]"
    )
    agreed = {(one["kind"], one["shop_id"]) for one in person.get("/agreements")["items"]}
    assert agreed == {("terms", None), ("data_processing", person.facts["shop_id"])}
    me.post("/account/agreements", 409, kind="terms", version="1", sha256="0" * 64)


@pytest.mark.parametrize(("language", "word"), [("en", "What to do"), ("nl", "Wat je doet")])
def test_a_code_of_refusal_has_a_page_that_says_what_to_do(world, language, word):
    reader = world.app.test_client()
    page = reader.get("/problems/totp_required", headers=HTML | {"Accept-Language": language})
    assert page.status_code == 200
    assert word in page.text
    assert reader.get("/problems/no_such_code", headers=HTML).status_code == 404
    problem = reader.get("/api/v1/me").get_json()
    assert reader.get(problem["type"], headers=HTML).status_code == 200
