"""What no browser of ours sends to forms of advice and of reports is refused with a page, and none of it is kept."""

from __future__ import annotations

import io

import pytest
import segno

from tests.integration.marketplace.community.test_desk_pages import ask, fields_of, square

__all__ = ["square"]

NO_PAGE = "http://[::1"


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong",
    [
        {"paste": NO_PAGE, "act": "card"},
        {"paste": "https://a\0b.example/x", "act": "card"},
        {"order": "b9", "b9.type": "product", "b9.product_id": "x"},
        {"order": "b9", "b9.type": "product", "b9.product_id": "\0", "b9.offer_id": "x"},
        {"order": "b9", "b9.type": "picture", "b9.picture_id": "x", "b9.alt": "x"},
        {"order": "b9", "b9.type": "picture"},
        {"order": "b9", "b9.type": "product", "b9.product_id": "x", "b9.obtained": "x", "title": "x" * 5000},
        {"order": "b9", "b9.type": "nothing", "b9.text": "\0"},
        {"title": "a\0b"},
        {"edit": "-1"},
    ],
)
def test_an_editor_that_was_sent_what_is_no_block_is_shown_again(square, wrong):
    here = f"/adviser/advice/{square.page()['page_id']}"
    fields = fields_of(ask(square, "GET", here, 200))
    ask(square, "POST", here, 422, **fields | {"act": "save"} | wrong)
    assert fields_of(ask(square, "GET", here, 200)) == fields


@pytest.mark.slow
def test_an_address_that_leads_out_of_the_web_is_no_link_of_a_preview(square):
    here = f"/adviser/advice/{square.page()['page_id']}"
    fields = fields_of(ask(square, "GET", here, 200))
    sent = {"order": "b9", "b9.type": "product", "b9.url": "javascript:alert(1)", "b9.seller": "x"}
    assert 'href="javascript' not in ask(square, "POST", here, 422, **fields | sent).text


@pytest.mark.slow
def test_words_of_a_picture_hold_no_control_characters(square):
    here = f"/adviser/advice/{square.page()['page_id']}"
    drawn = io.BytesIO()
    segno.make("a").save(drawn, kind="png", scale=20)
    file = (io.BytesIO(drawn.getvalue()), "a.png", "image/png")
    ask(square, "POST", f"{here}/pictures", 422, alt="a\0b", file=file)


@pytest.mark.slow
def test_a_report_about_what_is_no_page_is_refused_however_it_is_named(square):
    sent = {"reason": "other", "statement": "Dit klopt niet helemaal."}
    for page in ("a\0b", ["a", "b"], "x" * 5000):
        answer = square.reader.post("/report", data=sent | {"page": page}, headers={"Accept": "text/html"})
        assert answer.status_code in (404, 422), answer.text[:500]
    assert square.reader.get("/report?page=%00", headers={"Accept": "text/html"}).status_code == 200


@pytest.mark.slow
def test_an_answer_with_an_address_of_nothing_says_so(square):
    page = square.published()
    question = square.say(
        f"/questions/page/{page['id']}", {"body": "Kan hij ook grof malen?", "name": "Sanne"}
    )
    here = f"/adviser/questions/{question['id']}/answer"
    ask(square, "POST", here, 422, body="Ja.", product=NO_PAGE)
