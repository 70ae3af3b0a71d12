"""Whoever follows a link that is unknown, or types anything, gets a page and never an error."""

import pytest

import wsgi
from tests.applications import application


@pytest.fixture
def client(database):
    wsgi.register()
    return application(wsgi.blueprints()).test_client()


@pytest.mark.parametrize(
    "words", ["", "coffee", "%", "_", "\\", "'; DROP TABLE product; --", "\x00", "é" * 500, "a " * 200]
)
def test_any_words_give_a_page(client, words):
    answer = client.get("/search", query_string={"q": words})
    assert answer.status_code == 200
    assert "text/html" in answer.content_type


def test_words_are_shown_as_text(client):
    assert "<script>" not in client.get("/search", query_string={"q": "<script>alert(1)</script>"}).text


def test_the_front_door_leads_on(client):
    assert "/api/docs" in client.get("/").text
    assert "rapi-doc" in client.get("/api/docs").text
