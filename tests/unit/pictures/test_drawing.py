"""Pictures are drawn anew: what a page needs comes out, and nothing else of the file that came."""

from __future__ import annotations

import base64
import io
import json
import struct
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from marketplace.pictures import drawing, redraw, refusals, service
from marketplace.pictures.drawing import Drawer

NS = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def drawer() -> Iterator[Drawer]:
    """One process for all tests; whatever ends it brings another."""
    with Drawer() as made:
        yield made


def file(picture: Any, kind: str, **more: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()


def colour(size: tuple[int, int] = (300, 200), mode: str = "RGB", value: Any = "red") -> Any:
    return Image.new(mode, size, value)


def svg(inside: str, view: str = "0 0 100 100", more: str = "") -> bytes:
    return f'<svg {NS} viewBox="{view}" {more}>{inside}</svg>'.encode()


def png(width: int, height: int) -> bytes:
    """A black and white picture of any size in few bytes."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + part(b"IHDR", head)
        + part(b"IDAT", zlib.compress(b"\0" * 99))
        + part(b"IEND", b"")
    )


def opened(webp: bytes) -> Any:
    picture = Image.open(io.BytesIO(webp))
    assert picture.format == "WEBP"
    return picture


def test_a_photo_comes_out_upright_in_three_widths_without_anything_that_the_camera_wrote(
    drawer: Drawer,
) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8825] = 6, "SECRETCAM", {2: (52, 22, 12)}
    photo = colour((1600, 1200))
    photo.paste("blue", (0, 0, 1600, 100))
    drawn = drawer.draw(file(photo, "JPEG", exif=exif, comment=b"SECRET"))
    assert (drawn.width, drawn.height) == (1200, 1600)
    assert [(width, height) for width, height, _ in drawn.files] == [(160, 213), (480, 640), (960, 1280)]
    for width, height, webp in drawn.files:
        picture = opened(webp)
        assert picture.size == (width, height)
        assert not picture.info.keys() & {"exif", "icc_profile", "xmp", "comment"}
        assert b"SECRET" not in webp
        assert b"EXIF" not in webp
        # What was the top is the right side.
        red, _, blue = picture.convert("RGB").getpixel((width - 2, height // 2))
        assert blue > red


@pytest.mark.parametrize(
    ("kind", "mode", "value", "seen"),
    [
        ("PNG", "RGBA", (0, 200, 0, 90), (0, 200, 0, 90)),
        ("GIF", "P", 0, (0, 0, 0)),
        ("WEBP", "RGB", "red", (255, 0, 0)),
        ("AVIF", "RGB", "red", (255, 0, 0)),
        ("JPEG", "CMYK", (0, 0, 0, 0), (255, 255, 255)),
        ("PNG", "I;16", 32768, (128, 128, 128)),
        ("PNG", "LA", (128, 255), (128, 128, 128)),
    ],
)
def test_every_kind_and_colour_comes_out_as_it_looks(
    drawer: Drawer, kind: str, mode: str, value: Any, seen: tuple[int, ...]
) -> None:
    drawn = drawer.draw(file(colour((40, 30), mode, value), kind))
    # No wider than it was: nothing is blown up.
    assert [opened(webp).size for _, _, webp in drawn.files] == [(40, 30)] * 3
    picture = opened(drawn.files[2][2])
    assert picture.mode == ("RGBA" if len(seen) == 4 else "RGB")
    assert all(abs(one - other) < 6 for one, other in zip(picture.getpixel((5, 5)), seen, strict=True))


def test_of_what_moves_the_first_picture_stays(drawer: Drawer) -> None:
    moving = file(colour((40, 30)), "GIF", save_all=True, append_images=[colour((40, 30), value="blue")])
    [*_, (_, _, webp)] = drawer.draw(moving).files
    picture = opened(webp)
    assert getattr(picture, "n_frames", 1) == 1
    assert picture.getpixel((5, 5))[0] > 200


def test_a_drawing_becomes_pixels_and_runs_and_loads_nothing(drawer: Drawer) -> None:
    scripted = svg(
        '<script>alert(1)</script><foreignObject width="9" height="9"><b xmlns="http://www.w3.org/1999/xhtml">x</b>'
        '</foreignObject><rect width="100" height="100" fill="lime"/>',
        more='onload="alert(1)"',
    )
    drawn = drawer.draw(
        b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a --><!DOCTYPE svg PUBLIC "x" "y">' + scripted
    )
    assert (drawn.width, drawn.height) == (960, 960)
    assert opened(drawn.files[0][2]).getpixel((9, 9))[1] > 250
    huge = svg(
        '<rect width="50000" height="25000" fill="lime"/>', "0 0 50000 25000", 'width="50000" height="25000"'
    )
    assert (drawer.draw(huge).width, drawer.draw(huge).height) == (960, 480)


def test_a_drawing_fetches_nothing_and_opens_no_file(drawer: Drawer, tmp_path: Path) -> None:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)

    near = tmp_path / "near.png"
    near.write_bytes(file(colour((9, 9)), "PNG"))
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        there = f"http://127.0.0.1:{server.server_port}"
        for address in (
            f"{there}/a.png",
            str(near),
            f"file://{near}",
            "near.png",
            "../near.png",
            "redraw.py",
        ):
            for name in ("href", "xlink:href"):
                with pytest.raises(refusals.SvgWithLinks):
                    drawer.draw(svg(f'<image {name}="{address}" width="9" height="9"/>'))
        # What is no picture is passed over: styles and parts from elsewhere don't come either.
        styled = f'<style>@import url({there}/b.css);</style><use href="{there}/c.svg#d"/><rect width="9" height="9"/>'
        drawer.draw(svg(styled))
        server.shutdown()
    assert asked == []


ENTITY = "<!DOCTYPE svg [{}]>"
REFUSED: dict[str, tuple[type[refusals.PictureRefused], bytes]] = {
    "nothing": (refusals.PictureEmpty, b""),
    "too large": (refusals.PictureTooLarge, b"x" * (drawing.MOST_BYTES + 1)),
    "a page": (refusals.PictureUnknownKind, b"<html>" + svg("") + b"</html>"),
    "a page before a picture": (
        refusals.PictureUnknownKind,
        b"<script>alert(1)</script>" + file(colour(), "PNG"),
    ),
    "another kind": (refusals.PictureUnknownKind, file(colour(), "BMP")),
    "packed": (refusals.PictureUnknownKind, zlib.compress(svg(""))),
    "cut off": (refusals.PictureDamaged, file(Image.effect_noise((200, 100), 60), "PNG")[:5000]),
    "a cut photo": (refusals.PictureDamaged, file(Image.effect_noise((200, 100), 60), "JPEG")[:3000]),
    "a bomb": (refusals.PictureTooManyPixels, png(50_000, 50_000)),
    "a thread": (refusals.PictureOddShape, png(1, 50_000)),
    "a drawn thread": (refusals.PictureOddShape, svg("", "0 0 50000 1", 'width="50000" height="1"')),
    "no size": (refusals.PictureDamaged, svg("", "0 0 0 0", 'width="0" height="NaN"')),
    "half a drawing": (refusals.PictureDamaged, svg("")[:-9]),
    "a file as entity": (
        refusals.SvgWithEntities,
        ENTITY.format('<!ENTITY x SYSTEM "file:///etc/passwd">').encode() + svg("<text>&x;</text>"),
    ),
    "much from little": (
        refusals.SvgWithEntities,
        ENTITY.format(f'<!ENTITY a "{"x" * 50_000}">').encode() + svg("<text>" + "&a;" * 2000 + "</text>"),
    ),
    "nested deeply": (refusals.PictureTooCostly, svg("<g>" * 5000 + "</g>" * 5000)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_good_picture_is_refused_by_name(drawer: Drawer, what: str) -> None:
    kind, data = REFUSED[what]
    with pytest.raises(refusals.PictureRefused) as refused:
        drawer.draw(data)
    assert type(refused.value) is kind
    assert refused.value.problem()["status"] == 422


def test_a_picture_that_ends_its_process_is_refused_and_the_next_one_is_drawn(drawer: Drawer) -> None:
    drawer.draw(file(colour((9, 9)), "PNG"))
    before = drawer._process
    assert before is not None
    before.kill()
    before.wait()
    assert drawer.draw(file(colour((9, 9)), "PNG")).width == 9
    assert drawer._process is not before


def test_the_process_that_draws_has_no_settings_no_files_and_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AANRADER_SECRET_KEY", "tell nobody")
    with Drawer() as drawer:
        drawer.draw(file(colour((9, 9)), "PNG"))
        assert drawer._process is not None
        here = Path(f"/proc/{drawer._process.pid}")
        assert b"tell nobody" not in (here / "environ").read_bytes()
        assert list((here / "cwd").resolve().iterdir()) == []
        limits = (here / "limits").read_text()
        said = {line[:25].strip(): line[26:46].strip() for line in limits.splitlines()}
        assert said["Max file size"] == "0"
        assert int(said["Max address space"]) == redraw.MEMORY
        assert 0 < int(said["Max cpu time"]) <= redraw.SECONDS + 5
        folder = (here / "cwd").resolve()
    assert not folder.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "inside",
    [
        '<filter id="f" x="-10000%" y="-10000%" width="100000%" height="100000%"><feGaussianBlur stdDeviation="1000"/>'
        '</filter><rect width="100" height="100" filter="url(#f)"/>',
        '<rect width="9" height="9" opacity=".1"/>' * 200_000,
    ],
)
def test_a_picture_that_takes_all_time_or_memory_is_ended(drawer: Drawer, inside: str) -> None:
    with pytest.raises(refusals.PictureTooCostly):
        drawer.draw(svg(inside))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../../etc/x.png", refusals.PictureNameRefused),
        ("a\\b.png", refusals.PictureNameRefused),
        ("a\x00.png", refusals.PictureNameRefused),
        ("..", refusals.PictureNameRefused),
        ("a.html", refusals.PictureWrongExtension),
        ("a.png.php", refusals.PictureWrongExtension),
        ("a.svg", refusals.PictureWrongExtension),
    ],
)
def test_names_that_are_paths_or_lie_are_refused(name: str, kind: type[refusals.PictureRefused]) -> None:
    with pytest.raises(kind):
        service.refuse_name(name, file(colour((9, 9)), "PNG"))
    with pytest.raises(refusals.PictureWrongExtension):
        service.refuse_name("a.png", svg(""))
    # Photos of one kind under the name of another are everyday, and drawn anew all the same.
    service.refuse_name("IMG 1.JPG", file(colour((9, 9)), "PNG"))
    service.refuse_name("", svg(""))


def test_nothing_of_a_second_format_is_left_in_what_comes_out(drawer: Drawer) -> None:
    payload = b"<script>alert('SECRET')</script><?php SECRET ?>PK\x03\x04SECRET%PDF-1.7"
    commented = file(colour((40, 30), "P", 3), "GIF", comment=b"*/=1;" + payload)
    inner = base64.b64encode(file(colour((9, 9)), "PNG")).decode()
    embedded = svg(
        f'<desc>{json.dumps("SECRET")}</desc><image href="data:image/png;base64,{inner}" width="9" height="9"/>'
    )
    for data in (
        file(colour(), "PNG") + payload,
        file(colour(), "JPEG", comment=payload) + payload,
        commented,
        embedded,
    ):
        for _, _, webp in drawer.draw(data).files:
            assert webp[:4] == b"RIFF"
            assert webp[8:12] == b"WEBP"
            assert b"SECRET" not in webp
            assert len(webp) == 8 + int.from_bytes(webp[4:8], "little")
