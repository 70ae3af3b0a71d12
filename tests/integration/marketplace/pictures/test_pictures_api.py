"""Pictures that advisers send: taken raw or in a form, listed and removed by themselves, seen by everybody."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from typing import Any

import flask.testing
import pytest
import sqlalchemy as sa
from PIL import Image

from marketplace.accounts import limits, loader
from marketplace.core import auth, clock, db
from marketplace.pictures import reading, registration, service, turns
from tests.applications import application

PATH = "/api/v1/pictures"


@pytest.fixture
def client(market: Any) -> flask.testing.FlaskClient:
    """A client whose actors are found by their keys."""
    auth.set_actor_loader(loader.load)
    return application(registration.blueprints()).test_client(use_cookies=False)


def photo(colour: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(out, "PNG")
    return out.getvalue()


def send(client: Any, who: Any, data: bytes, query: str = "?kind=page&alt=A+pear", **more: Any) -> Any:
    return client.post(f"{PATH}{query}", data=data, headers=who.headers, **more)


def form(client: Any, who: Any, name: str, data: bytes, **fields: Any) -> Any:
    sent = {"kind": "page", "alt": "A pear"} | fields | {"file": (io.BytesIO(data), name)}
    return client.post(PATH, data=sent, headers=who.headers, content_type="multipart/form-data")


def test_a_picture_is_sent_raw_or_in_a_form_and_everybody_sees_it(market: Any, client: Any) -> None:
    anne = market.adviser()
    raw = send(client, anne, photo(), content_type="image/png")
    assert raw.status_code == 201, raw.json
    made = raw.json
    assert (made["width"], made["height"], made["alt"], made["kind"]) == (64, 48, "A pear", "page")
    assert raw.headers["Location"] == made["urls"]["960"] == f"/pictures/{made['id']}/960.webp"
    second = form(client, anne, "photo.png", photo("blue"))
    assert second.status_code == 201, second.json
    for width in ("160", "480", "960"):
        answer = client.get(second.json["urls"][width])
        assert (answer.status_code, answer.mimetype) == (200, "image/webp")
    listed = client.get(PATH, headers=anne.headers).json["items"]
    assert [one["id"] for one in listed] == [second.json["id"], made["id"]]
    with db.new_session() as session:
        found = reading.of(session, [uuid.UUID(made["id"]), uuid.uuid4()])
        assert [(one.alt, one.width) for one in found.values()] == [("A pear", 64)]
    assert market.count("SELECT count(*) FROM audit_event WHERE action = 'picture.send'") == 2


def test_what_was_removed_is_shown_to_nobody_and_its_files_go_after_a_month(market: Any, client: Any) -> None:
    anne, bert = market.adviser(), market.adviser()
    made = send(client, anne, photo()).json
    remove = f"{PATH}/{made['id']}/remove"
    assert client.post(remove, headers=bert.headers).status_code == 404
    assert client.get(PATH, headers=bert.headers).json["items"] == []
    assert client.get(made["urls"]["160"]).status_code == 200
    for _ in range(2):
        gone = client.post(remove, headers=anne.headers)
        assert gone.status_code == 200
        assert gone.json["removed_at"] is not None
    assert client.get(made["urls"]["160"]).status_code == 404
    assert client.get(PATH, headers=anne.headers).json["items"] == []
    with market.as_worker():
        assert turns.forget_removed() == 0
        with db.transaction() as session:
            later = clock.now() + service.KEPT_AFTER_REMOVAL + dt.timedelta(hours=1)
            assert service.forget_removed(session, later) == 1
    assert market.count("SELECT count(*) FROM picture_file") == 0
    assert market.count("SELECT count(*) FROM picture") == 1


def test_a_new_portrait_takes_the_place_of_the_one_before(market: Any, client: Any) -> None:
    anne = market.adviser()
    first, second = (send(client, anne, photo(one), "?kind=portrait").json for one in ("red", "blue"))
    with db.new_session() as session:
        found = reading.portraits(session, [anne.actor.adviser_id, uuid.uuid4()])
    assert [str(one.id) for one in found.values()] == [second["id"]]
    assert client.get(first["urls"]["160"]).status_code == 404
    with market.rows() as session:
        session.execute(sa.text("UPDATE adviser SET state = 'banned'"))
    assert client.get(second["urls"]["160"]).status_code == 404
    with db.new_session() as session:
        assert reading.portraits(session, [anne.actor.adviser_id]) == {}


def test_what_is_missing_or_wrong_is_refused_by_name_and_nothing_is_kept(market: Any, client: Any) -> None:
    anne, shop = market.adviser(), market.shop()
    for query, field in (
        ("", "kind"),
        ("?kind=page", "alt"),
        ("?kind=page&alt=+", "alt"),
        ("?kind=product", "kind"),
    ):
        answer = send(client, anne, photo(), query)
        assert (answer.status_code, list(answer.json["errors"])) == (422, [field]), query
    assert send(client, anne, photo(), content_type="text/html").status_code == 415
    packed = anne.headers | {"Content-Encoding": "gzip"}
    assert client.post(f"{PATH}?kind=portrait", data=photo(), headers=packed).status_code == 415
    assert send(client, anne, b"x" * 10_100_000).status_code == 413
    codes = {
        "../../x.png": "picture_name_refused",
        "x.html": "picture_wrong_extension",
        "x.svg": "picture_wrong_extension",
    }
    for name, code in codes.items():
        answer = form(client, anne, name, photo())
        assert (answer.status_code, answer.json["code"]) == (422, code), answer.json
    assert form(client, anne, "x.png", b"<html>").json["code"] == "picture_unknown_kind"
    assert send(client, anne, b"").json["code"] == "picture_empty"
    two = {"kind": "portrait", "file": [(io.BytesIO(photo()), "a.png"), (io.BytesIO(photo()), "b.png")]}
    assert client.post(PATH, data=two, headers=anne.headers).status_code == 422
    assert send(client, shop.owner, photo()).status_code == 403
    assert client.post(PATH, data=photo()).status_code == 401
    assert market.count("SELECT count(*) FROM picture") == 0
    assert "picture.send" in limits.RULES
