"""Advice over the API: written with an edit counter, checked, published as a snapshot, withdrawn and taken down."""

from __future__ import annotations

import hashlib
import secrets

import pytest
import sqlalchemy as sa

from marketplace.advice import invariants
from marketplace.advice.publishing import canonical
from marketplace.core import db
from tests.integration.marketplace.advice.conftest import PAGES
from tests.integration.tracking.trade import Trade


def codes(found):
    return {one["code"] for one in found["findings"]}


def test_a_second_window_overwrites_nothing_and_nothing_is_lost(desk):
    draft = desk.page()
    here = f"{PAGES}/{draft['page_id']}/draft"
    saved = desk.call("PATCH", here, {"edit": 1, "title": "Uit het eerste venster"})
    assert (saved["edit"], saved["title"], saved["blocks"]) == (2, "Uit het eerste venster", draft["blocks"])
    refused = desk.call("PATCH", here, {"edit": 1, "title": "Uit het tweede"}, 409)
    assert refused["code"] == "edited_elsewhere" and "edit 2" in refused["detail"]
    assert desk.call("GET", here) == saved
    assert (
        desk.call("POST", f"{PAGES}/{draft['page_id']}/publish", {"edit": 1}, 409)["code"]
        == "edited_elsewhere"
    )


def test_a_page_begins_with_the_blocks_of_its_kind_and_refuses_blocks_that_are_none(desk):
    begun = desk.call("POST", PAGES, {"kind": "best_for", "language": "nl"}, 201)
    assert [block["type"] for block in begun["blocks"]] == ["text", "method", "verdict", "questions"]
    for wrong, place in (
        ({"id": "a", "type": "disclosure"}, "blocks.0.type"),
        ({"id": "a", "type": "text", "html": "x"}, "blocks.0.html"),
        (desk.card(product_id=None), "blocks.0.product_id"),
        (desk.card(product_id=None, url="https://x.example/"), "blocks.0.offer_id"),
        (desk.card(obtained="stolen"), "blocks.0.obtained"),
        ({"id": "a b", "type": "text"}, "blocks.0.id"),
    ):
        body = {"kind": "single", "language": "en", "blocks": [wrong]}
        assert place in desk.call("POST", PAGES, body, 422)["errors"], wrong


def test_the_check_names_what_blocks_and_what_it_only_advises(desk):
    gone = desk.new_product("Weg")
    desk.trade.execute("UPDATE product SET retired_at = now() WHERE id = :i", i=gone)
    old = desk.new_product("Oud", availability="out_of_stock")
    desk.trade.execute("UPDATE product SET seen_at = now() - interval '3 days' WHERE id = :i", i=old)
    draft = desk.page(
        desk.card("a", obtained=..., why=""),
        desk.card("b", product_id=gone, offer_id=None),
        desk.card("c", product_id=old, offer_id=None, minus=[], for_whom=""),
        desk.card("d", product_id=None, offer_id=None, url="https://elders.example/x"),
        {"id": "e", "type": "text", "text": "Dit is gegarandeerd de beste."},
        title="", verdict="", topics=[],
    )  # fmt: skip
    found = desk.call("GET", f"{PAGES}/{draft['page_id']}/check")
    blocking = {one["code"]: one["block"] for one in found["findings"] if one["is_blocking"]}
    assert blocking == {
        "title_missing": None, "verdict_missing": None, "obtained_missing": "a", "why_missing": "a",
        "product_gone": "b", "dead_link": "d",
    }  # fmt: skip
    hints = codes(found) - set(blocking)
    assert hints >= {"out_of_stock", "price_old", "could_pay", "for_whom_missing", "topic_missing", "claim"}
    words = [one["sentence"] for one in found["findings"] if one["code"] == "claim"]
    assert any("gegarandeerd" in one for one in words) and any("de beste" in one for one in words)
    refused = desk.call("POST", f"{PAGES}/{draft['page_id']}/publish", {"edit": 1}, 409)
    assert refused["code"] == "advice_not_ready" and "obtained_missing" in refused["detail"]


def test_a_button_pays_only_through_an_offer_that_the_adviser_takes_part_in(desk):
    other = Trade(desk.trade.database)
    wrong = desk.page(desk.card(offer_id=str(other.world.offer_id)))
    assert "offer_not_joined" in codes(desk.call("GET", f"{PAGES}/{wrong['page_id']}/check"))
    made = desk.published(desk.card(), desk.card("p2", product_id=desk.new_product("Twee"), offer_id=None))
    shown = desk.anonymous(f"{PAGES}/{made['id']}").get_json()
    first, second = shown["buttons"]
    assert first["pays"] and first["word"] == "Reclame"
    assert first["href"].endswith(f"?p={made['code']}") and "/t/" in first["href"]
    [link] = desk.trade.rows("SELECT path, placement, product_id FROM tracked_link WHERE kind = 'link'")
    assert link["path"] in first["href"] and link["placement"] == made["code"]
    assert str(link["product_id"]) == desk.product
    assert not second["pays"] and second["word"] is None and "/t/" not in second["href"]
    again = desk.page(desk.card())
    assert (
        desk.call("POST", f"{PAGES}/{again['page_id']}/publish", {"edit": 1})["slug"] == made["slug"] + "-2"
    )


def test_the_disclosure_follows_from_links_and_from_how_things_were_obtained(desk):
    def told(*blocks, **changes):
        draft = desk.page(*blocks, **changes)
        return desk.call("GET", f"{PAGES}/{draft['page_id']}/check")["disclosure"]

    paying = told(desk.card())
    assert (paying["word"], paying["is_ad"]) == ("Reclame", True) and "commissie" in paying["sentence"]
    english = told(desk.card(), language="en")
    assert english["word"] == "Ad" and "commission" in english["sentence"]
    given = told(desk.card(offer_id=None, obtained="received"))
    assert given["is_ad"] and "kreeg" in given["sentence"] and "commissie van" not in given["sentence"]
    nothing = told(desk.card(offer_id=None))
    assert nothing["word"] is None and "verdient niets" in nothing["sentence"]


def test_each_version_is_kept_as_readers_saw_it_and_an_unchanged_page_makes_no_new_one(desk):
    made = desk.published()
    here = f"{PAGES}/{made['id']}"
    assert desk.call("POST", f"{here}/publish", {"edit": 1})["version"] == 1
    desk.call("PATCH", f"{here}/draft", {"edit": 1, "verdict": "Toch maar niet."})
    assert desk.anonymous(here).get_json()["document"]["verdict"] == "Neem de Molen."
    assert desk.call("POST", f"{here}/publish", {"edit": 2})["version"] == 2
    kept = desk.call("GET", f"{here}/versions")["items"]
    assert [one["document"]["verdict"] for one in kept] == ["Toch maar niet.", "Neem de Molen."]
    for one in kept:
        assert hashlib.sha256(canonical(one["document"])).hexdigest() == one["sha256"]
    [card] = kept[1]["document"]["blocks"]
    assert (
        card["price"]
        and card["obtained"] == "bought"
        and kept[1]["document"]["disclosure"]["word"] == "Reclame"
    )
    with pytest.raises(sa.exc.DBAPIError), db.transaction() as session:
        session.execute(sa.text("UPDATE advice_version SET document = '{}'"))
    with db.session() as session:
        assert invariants.equals_its_hash(session).holds and invariants.follows_its_events(session).holds
    desk.trade.execute("UPDATE advice_page SET state = 'withdrawn'")
    with db.session() as session:
        assert not invariants.follows_its_events(session).holds


def test_drafts_are_their_advisers_and_published_pages_everybodys(desk):
    draft, bert = desk.page(), desk.trade.join()
    here = f"{PAGES}/{draft['page_id']}"
    assert desk.anonymous(here).status_code == 404
    for path in ("", "/draft", "/check", "/versions"):
        assert desk.call("GET", here + path, status=404, bearer=bert.bearer), path
    desk.call("PATCH", f"{here}/draft", {"edit": 1, "title": "x"}, 404, bearer=bert.bearer)
    desk.call("POST", f"{here}/publish", {"edit": 1}, 404, bearer=bert.bearer)
    assert [one["id"] for one in desk.call("GET", PAGES)["items"]] == [draft["page_id"]]
    assert desk.anonymous(PAGES).get_json()["items"] == []
    desk.call("POST", f"{here}/publish", {"edit": 1})
    [found] = desk.anonymous(f"{PAGES}?product_id={desk.product}&topic=koffie").get_json()["items"]
    assert found["title"] == "Handmolens voor thuis" and "blocks" not in found
    assert desk.anonymous(f"{PAGES}?topic=thee").get_json()["items"] == []
    assert desk.anonymous(f"{here}/draft").status_code == 401


def test_what_the_platform_takes_down_its_adviser_learns_why_and_cannot_bring_back(desk):
    made = desk.published()
    here, admin = f"{PAGES}/{made['id']}", platform_person(desk, "admin")
    reason = {"reason": "The page says that it was tested, and it was not."}
    desk.call("POST", f"{here}/take-down", reason, 403)
    assert desk.call("POST", f"{here}/take-down", reason, bearer=admin)["state"] == "taken_down"
    assert desk.anonymous(here).status_code == 404
    assert desk.call("POST", f"{here}/publish", {"edit": 1}, 409)["code"] == "illegal_transition"
    desk.call("POST", f"{here}/withdraw", status=409)
    assert desk.call("GET", f"{here}/events")["items"][0]["reason"] == reason["reason"]
    [mail] = desk.trade.rows("SELECT template, facts FROM mail_message WHERE template = 'page_taken_down'")
    assert (mail["facts"]["reason"], mail["facts"]["page"]) == (reason["reason"], made["title"])
    restored = desk.call("POST", f"{here}/restore", {"reason": "It was tested after all."}, bearer=admin)
    assert restored["state"] == "published" and desk.anonymous(here).status_code == 200
    assert desk.call("POST", f"{here}/withdraw")["state"] == "withdrawn"
    assert desk.call("POST", f"{here}/publish", {"edit": 1})["version"] == 1


@pytest.mark.slow
def test_a_page_and_its_twin_in_the_other_language_know_each_other(desk):
    dutch, english = desk.published(), desk.published(language="en", title="Hand grinders at home")
    desk.call("POST", f"{PAGES}/{dutch['id']}/twin", {"twin_id": english["id"]})
    assert desk.anonymous(f"{PAGES}/{english['id']}").get_json()["twin_id"] == dutch["id"]
    third = desk.published(title="Nog een")
    desk.call("POST", f"{PAGES}/{third['id']}/twin", {"twin_id": dutch["id"]}, 409)
    desk.call("POST", f"{PAGES}/{third['id']}/twin", {"twin_id": english["id"]})
    assert desk.anonymous(f"{PAGES}/{dutch['id']}").get_json()["twin_id"] is None


def platform_person(desk, role):
    """Return the bearer of somebody of the platform who has just proved who they are."""
    from marketplace.core.actor import Actor

    name = secrets.token_hex(4)
    desk.trade.execute(
        "INSERT INTO user_account (id, email, email_key, name, role, password_hash, session_key, email_verified_at,"
        " totp_secret) VALUES (gen_random_uuid(), :n || '@x.example', :n || '@x.example', :n, :r, '-', :n, now(), '-')",
        n=name, r=role,
    )  # fmt: skip
    [row] = desk.trade.rows("SELECT id FROM user_account WHERE session_key = :n", n=name)
    bearer = desk.trade.sign_in(Actor(user_id=row["id"], roles=frozenset({role}), via="token"))
    desk.trade.execute("UPDATE auth_session SET totp_at = password_at WHERE user_id = :u", u=row["id"])
    return bearer
