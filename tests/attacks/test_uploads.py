"""Attack 53: what is sent as a picture is a page, a program, a bomb or a path."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import flask.testing
import pytest
from PIL import Image

from marketplace.accounts import loader
from marketplace.core import auth
from marketplace.pictures import registration
from tests.applications import application
from tests.integration.marketplace.conftest import Market, market

__all__ = ["market"]
PATH = "/api/v1/pictures"
SCRIPT = b"<script>alert('owned')</script><?php owned ?>PK\x03\x04owned"
NS = b'xmlns="http://www.w3.org/2000/svg"'


@pytest.fixture
def client(market: Market) -> flask.testing.FlaskClient:
    auth.set_actor_loader(loader.load)
    return application(registration.blueprints()).test_client(use_cookies=False)


def photo(kind: str, **more: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(out, kind, **more)
    return out.getvalue()


def bomb(width: int, height: int) -> bytes:
    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = part(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + part(b"IDAT", zlib.compress(b"\0" * 9)) + part(b"IEND", b"")


def test_attack_53_uploads_are_refused_by_name_or_drawn_anew_and_served_as_nothing_but_pixels(
    market: Market, client: flask.testing.FlaskClient
) -> None:
    anne = market.adviser()

    def send(name: str, data: bytes) -> Any:
        sent = {"kind": "page", "alt": "x", "file": (io.BytesIO(data), name)}
        return client.post(PATH, data=sent, headers=anne.headers)

    refused = {
        ("page.png", b"<!doctype html>" + SCRIPT): "picture_unknown_kind",
        ("page.svg", b"<html><svg %s/></html>" % NS): "picture_wrong_extension",
        ("bomb.png", bomb(50_000, 50_000)): "picture_too_many_pixels",
        ("entity.svg", b'<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg %s>&a;</svg>' % NS): "svg_with_entities",
        (
            "link.svg",
            b'<svg %s><image href="file:///etc/passwd" width="9" height="9"/></svg>' % NS,
        ): "svg_with_links",
        ("../../etc/cron.d/x.png", photo("PNG")): "picture_name_refused",
        ("x.php", photo("PNG")): "picture_wrong_extension",
        ("archive.zip", b"PK\x03\x04" + SCRIPT): "picture_wrong_extension",
    }
    for (name, data), code in refused.items():
        answer = send(name, data)
        assert (answer.status_code, answer.json["code"]) == (422, code), (name, answer.json)
    assert market.count("SELECT count(*) FROM picture") == 0
    drawn = {
        "both.jpg": photo("JPEG", comment=SCRIPT) + SCRIPT,
        "script.svg": b'<svg %s width="9" height="9" onload="owned()"><script>owned</script></svg>' % NS,
    }
    for name, data in drawn.items():
        made = send(name, data)
        assert made.status_code == 201, (name, made.json)
        assert ".." not in made.json["urls"]["960"]
        served = client.get(made.json["urls"]["960"])
        assert b"owned" not in served.data
        assert served.data[:4] + served.data[8:12] == b"RIFFWEBP"
        assert served.mimetype == "image/webp"
        assert served.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert served.headers["X-Content-Type-Options"] == "nosniff"
