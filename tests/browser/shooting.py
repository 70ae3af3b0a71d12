"""Pictures of every page: 1360, 390 and 320 px wide, light and dark; full, empty, refused and in long Dutch.

`python -m tests.browser.shooting FOLDER [WORD]`; `./dev shots` runs it. A newcomer's pages are the empty ones; a form
with fields that must be filled is sent without them for the refused one; for long Dutch every name is lengthened.
"""

from __future__ import annotations

import dataclasses
import html
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from PIL import Image, ImageDraw
from playwright.sync_api import Error, sync_playwright
from playwright.sync_api import Page as Tab

from marketplace.devtools import browser
from marketplace.devtools.demo_world import demo_or_own
from tests.browser import guests
from tests.browser.pages import PAGES, Page
from tests.browser.visits import Ground, NothingThere

WIDTHS = {1360: 900, 390: 844, 320: 640}
THEMES = ("light", "dark")
TALLEST = 2600
_NEWCOMER = {"adviser": "new_adviser", "owner": "new_owner"}
_SETTLED = (
    "() => document.fonts.ready.then(() => new Promise(done => requestAnimationFrame(() => done(true))))"
)
_LENGTHEN = """() => { for (const one of document.querySelectorAll('main h2, main td a, main li a, main td:first-child'))
  if (one.childElementCount === 0 && /[a-z]{3}/i.test(one.textContent))
    one.textContent += ' met toebehoren voor meerpersoonshuishoudens'; }"""
_SEND_EMPTY = """() => { for (const form of document.querySelectorAll('main form[method=post i]')) {
    const fields = [...form.querySelectorAll('input, textarea, select')].filter(
      one => one.required && one.offsetParent !== null);
    if (!fields.length) continue;
    form.noValidate = true;
    for (const one of fields) one.value = '';
    form.requestSubmit ? form.requestSubmit() : form.submit();
    return true; }
  return false; }"""


@dataclasses.dataclass(frozen=True)
class Shot:
    """One picture that was taken."""

    role: str
    name: str
    state: str
    file: Path


def variants(word: str) -> Iterator[tuple[Page, str]]:
    """Yield each page with each state to be seen in."""
    for page in PAGES:
        if word not in page.name:
            continue
        yield page, page.state
        if page.state == "full":
            yield page, "dutch"
            yield page, "refused"
            if page.role in _NEWCOMER and "{" not in page.path:
                yield dataclasses.replace(page, role=_NEWCOMER[page.role]), "empty"


def shoot(ground: Ground, page: Page, state: str, folder: Path) -> Iterator[Shot]:
    """Take the pictures of a page in one state: each width and theme."""
    path = ground.path(page)
    context = ground.context(page.role, locale="nl-NL" if state == "dutch" else "en-GB")
    tab = context.new_page()
    try:
        tab.goto(path, wait_until="load")
        if state == "refused" and not _refused(tab):
            return
        if state == "dutch":
            tab.evaluate(_LENGTHEN)
        for width, height in WIDTHS.items():
            tab.set_viewport_size({"width": width, "height": height})
            for theme in THEMES:
                tab.emulate_media(color_scheme="light" if theme == "light" else "dark")
                tab.evaluate(_SETTLED)
                tall = min(TALLEST, tab.evaluate("() => document.documentElement.scrollHeight"))
                file = folder / f"{page.name}-{state}-{width}-{theme}.png"
                clip = {"x": 0, "y": 0, "width": width, "height": max(height, tall)}
                tab.screenshot(path=file, full_page=True, clip=clip)  # type: ignore[arg-type]
                yield Shot(page.role, page.name, state, file)
    finally:
        context.close()


def _refused(tab: Tab) -> bool:
    """Send the first form with fields that must be filled without them; False when there is none."""
    if not tab.evaluate("() => !!document.querySelector('main form[method=post i] :required')"):
        return False
    with tab.expect_navigation(wait_until="load"):
        if not tab.evaluate(_SEND_EMPTY):
            return False
    return True


def sheet(role: str, shots: list[Shot], folder: Path) -> None:
    """Put a role's pictures on one page of HTML, and small on one picture."""
    rows: dict[tuple[str, str], list[Shot]] = {}
    for one in shots:
        rows.setdefault((one.name, one.state), []).append(one)
    lines = [f"<!doctype html><meta charset=utf-8><title>{role}</title><h1>{role}</h1>"]
    for (name, state), taken in rows.items():
        lines.append(f"<h2>{html.escape(name)}: {state}</h2><p>")
        lines += [
            f'<a href="{one.file.relative_to(folder)}"><img src="{one.file.relative_to(folder)}" height=420'
            " loading=lazy></a>"
            for one in taken
        ]
    (folder / f"{role}.html").write_text("\n".join(lines), encoding="utf-8")
    _picture(rows, folder / f"{role}.png")


def _picture(rows: dict[tuple[str, str], list[Shot]], file: Path) -> None:
    tall, label = 460, 18
    board = Image.new("RGB", (2200, (tall + label) * len(rows)), "white")
    pen = ImageDraw.Draw(board)
    for number, ((name, state), taken) in enumerate(rows.items()):
        left, top = 0, number * (tall + label)
        pen.text((4, top + 3), f"{name}: {state}", fill="black")
        for one in taken:
            with Image.open(one.file) as picture:
                small = picture.crop(
                    (
                        0,
                        0,
                        picture.width,
                        min(picture.height, picture.width * (2 if picture.width < 500 else 1)),
                    )
                )
                small.thumbnail((700, tall))
                board.paste(small, (left, top + label))
                left += small.width + 6
    board.save(file)


def main(folder: Path, word: str) -> int:
    """Shoot everything; 1 when a page could not be shot."""
    failed = 0
    shots: dict[str, list[Shot]] = {}
    with demo_or_own(lambda text: print(text, flush=True)) as (_world, facts), sync_playwright() as driver:
        url = facts["admin_database_url"].replace("postgresql://", "postgresql+psycopg://", 1)
        engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
        launched = driver.chromium.launch(executable_path=browser.needed_chromium(), args=browser.FLAGS)
        ground = Ground(launched, facts["web"], guests.of_demo(facts, engine), engine)
        for role in {page.role for page in PAGES} | set(_NEWCOMER.values()):
            if not word:
                shutil.rmtree(folder / role, ignore_errors=True)
            (folder / role).mkdir(parents=True, exist_ok=True)
        for page, state in variants(word):
            try:
                taken = list(shoot(ground, page, state, folder / page.role))
            except NothingThere as nothing:
                print(f"left out: {nothing}", flush=True)
                continue
            except Error as error:
                failed += 1
                print(f"FAIL {page.name} {state}: {str(error).splitlines()[0]}", flush=True)
                continue
            if taken:
                print(f"{page.role}/{page.name} {state}: {len(taken)}", flush=True)
                shots.setdefault(page.role, []).extend(taken)
        launched.close()
    for role, taken in shots.items():
        sheet(role, taken, folder)
    print(f"{sum(map(len, shots.values()))} pictures, {failed} failed: {folder}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""))
