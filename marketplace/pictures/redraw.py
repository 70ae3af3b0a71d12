"""Draw strangers' pictures anew, in a process of its own: bytes on standard input, verdicts on standard output.

This file is run as a program and imports nothing of the house, so that whatever a decoder can be made to do happens in
a process without settings, database or files, that may take so much memory and time and no more. What it gives back
was drawn pixel by pixel: nothing of the file that came is in it, no metadata, no second format, no words.

Asked: eight bytes of length and as many of picture, again and again until the input ends. Answered each time: a line of
JSON, either {"refused": code} or {"width", "height", "files"}, where `files` lists [width, height,
bytes] of each WebP that follows, smallest first.
"""

from __future__ import annotations

import io
import json
import os
import re
import resource
import struct
import sys
import time
import warnings
from typing import Any

MOST_PIXELS = 40_000_000
# Longer than so many times its width (or the other way round) is no picture of anything.
MOST_TIMES = 20
WIDTHS = (160, 480, 960)
QUALITY = 80
MEMORY, SECONDS = 2 << 30, 10
_LANCZOS, _ORIENTATION = 1, 0x0112
# How a camera was held (EXIF 2.3, tag 274), and the turn of Pillow's that puts its picture upright.
_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
# What may stand before the root of an SVG. An entity is refused beside it: it is how little text becomes much.
_BEFORE_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?(?>\s+|<\?xml[^>]*\?>|<!--(?:(?!-->).)*-->|<!DOCTYPE\s[^>\[]*(?:\[[^\]]*\]\s*)?>)*+<svg[\s>]",
    re.S,
)
# The width is at most the largest that we keep; the height follows, so that nothing is cut off or drawn out.
_SVG = """#set page(width: auto, height: auto, margin: 0pt, fill: none)
#let drawn = image(bytes(sys.inputs.svg), format: "svg")
#context {
  let size = measure(drawn)
  let times = calc.max(size.width / size.height, size.height / size.width)
  assert(times <= 20, message: "odd shape")
  let by = calc.min(960pt / size.width, 1920pt / size.height)
  image(bytes(sys.inputs.svg), format: "svg", width: size.width * by)
}
"""


class Refused(Exception):
    """No picture was drawn; its text is the code of the reason (refusals)."""


def is_svg(data: bytes) -> bool:
    """Tell whether a file is SVG by what it begins with."""
    return _BEFORE_SVG.match(data[:100_000]) is not None


def limit(nice: int) -> None:
    """Take away from this process what drawing does not need, for good; nice: by how much others go first."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(nice)


def allow_time() -> None:
    """Let the next picture take SECONDS of this process' time; beyond that the kernel ends it."""
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + SECONDS, resource.RLIM_INFINITY))


def redraw(data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Return the verdict about a picture and its WebP files, smallest first. Raises Refused."""
    picture, size = _opened(_rasterised(data) if is_svg(data) else data)
    files: list[bytes] = []
    told: list[list[int]] = []
    for wanted in sorted(WIDTHS, reverse=True):
        width = min(wanted, size[0])
        height = max(1, (2 * width * size[1] + size[0]) // (2 * size[0]))
        picture = picture.resize((width, height), _LANCZOS, reducing_gap=3.0)
        # Whatever a format keeps beside the pixels goes: place, camera, comments, profiles.
        picture.info.clear()
        file = io.BytesIO()
        picture.save(file, "WEBP", quality=QUALITY, method=3)
        files.insert(0, file.getvalue())
        told.insert(0, [wanted, height, len(files[0])])
    return {"width": size[0], "height": size[1], "files": told}, files


def _opened(data: bytes) -> tuple[Any, tuple[int, int]]:
    """Return the first frame, upright and in the colours of the web, and the size that the picture has by itself."""
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as looked:
            _refuse_size(*looked.size)
            looked.verify()
        picture: Any = Image.open(io.BytesIO(data), formats=FORMATS)
        whole, turn = picture.size, _TURNS.get(_held(picture))
        picture.draft("RGB", (WIDTHS[-1], WIDTHS[-1]))
        picture.load()
    except (Refused, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refused("picture_too_many_pixels") from error
    except UnidentifiedImageError as error:
        raise Refused("picture_unknown_kind") from error
    except Exception as error:
        raise Refused("picture_damaged") from error
    upright = _plain(picture if turn is None else picture.transpose(turn))
    # A JPEG is decoded smaller where that is enough, so the size is that of the file, turned as its camera was.
    return upright, (whole[1], whole[0]) if turn in (2, 4, 5, 6) else whole


def _held(picture: Any) -> int:
    """Return how the camera was held; upright when it doesn't say so readably."""
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except (ValueError, TypeError, KeyError, SyntaxError, OSError, struct.error):
        return 1


def _refuse_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise Refused("picture_too_many_pixels")
    if max(width, height) > MOST_TIMES * min(width, height):
        raise Refused("picture_odd_shape")


def _plain(picture: Any) -> Any:
    """Return a picture in the colours of the web, RGB or RGBA."""
    from PIL import ImageCms

    sheer = "A" in picture.getbands() or "transparency" in picture.info
    mode = "RGBA" if sheer else "RGB"
    profile = picture.info.get("icc_profile")
    if profile and picture.mode in ("RGB", "RGBA", "CMYK"):
        try:
            given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            ours = ImageCms.createProfile("sRGB")
            picture = ImageCms.profileToProfile(picture, given, ours, outputMode=mode)
        except (ImageCms.PyCMSError, OSError, ValueError):
            # A profile that nobody can read: the colours are taken for the web's, as browsers do.
            pass
    if picture.mode.startswith("I;16"):
        # Sixteen bits of grey; the library would clip them where it should divide.
        picture = picture.point(lambda value: value / 256).convert("L")
    picture = picture if picture.mode == mode else picture.convert(mode)
    # Most that could be seen through can't: without that it is smaller and quicker.
    return picture.convert("RGB") if sheer and picture.getextrema()[3][0] == 255 else picture


def _rasterised(data: bytes) -> bytes:
    """Return an SVG as PNG. Nothing is fetched or opened for it: its bytes have no place to look beside."""
    if re.search(rb"<!ENTITY", data, re.I):
        raise Refused("svg_with_entities")
    import typst

    try:
        return bytes(
            typst.compile(
                _SVG.encode(),
                format="png",
                ppi=72,
                ignore_system_fonts=True,
                sys_inputs={"svg": data.decode("utf-8")},
                package_path="none",
                package_cache_path="none",
            )
        )
    except UnicodeDecodeError as error:
        raise Refused("picture_damaged") from error
    except typst.TypstError as error:
        said = str(error)
        if "odd shape" in said:
            raise Refused("picture_odd_shape") from error
        if "linked image" in said:
            raise Refused("svg_with_links") from error
        if "limit reached" in said:
            raise Refused("picture_too_costly") from error
        raise Refused("picture_damaged") from error


def main() -> None:
    """Read, draw and answer until the input ends."""
    limit(int(sys.argv[1]))
    given, out = sys.stdin.buffer, sys.stdout.buffer
    while length := given.read(8):
        data = given.read(int.from_bytes(length, "big"))
        allow_time()
        try:
            told, files = redraw(data)
        except Refused as refused:
            told, files = {"refused": str(refused)}, []
        except MemoryError:
            told, files = {"refused": "picture_too_costly"}, []
        out.write(json.dumps(told).encode() + b"\n" + b"".join(files))
        out.flush()


if __name__ == "__main__":
    main()
