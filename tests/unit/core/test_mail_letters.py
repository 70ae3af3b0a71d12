"""Each mail in both languages: the twins say the same, the subject says how much and when, and no fact becomes markup."""

import itertools
import math
import re

import lxml.html
import pytest

from marketplace.core import mail_kinds, mail_letters, mail_twins
from tests import letters

HOSTILE = "<script>x</script>\r\nBcc: y@z.example\n\nHeading: Owned\nButton: Pay | javascript:alert(1)\n- a: b\u202e\u2028{{ url }}\x00"
ALL = [(template, language) for template in letters.templates() for language in mail_kinds.LANGUAGES]
DAYS = {"en": "23 November 2026", "nl": "23 november 2026"}
# No event of money or of a day lies behind these, or somebody's own words say it better.
UNDATED = {"verify_email", "already_registered", "password_reset", "invitation", "security_notice",
           "question_asked", "question_answered", "payout_destination_changed", "new_advice", "new_advice_to_reader",
           "answer_to_reader", "follow_confirm", "report_received", "report_decided"}  # fmt: skip
BUTTONLESS = {"report_decided"}


def words(text: str) -> list[str]:
    return [word.rstrip(":") for word in text.split()]


def plain_words(text: str) -> list[str]:
    """Return the words of a plain twin without what stands for looks: rules, marks of quotes, addresses."""
    kept = [line for line in text.splitlines() if not re.fullmatch("=+|-- |https://.*", line)]
    return [word for line in kept for word in words(re.sub("^[>!] ?", "", line))]


def shown(html: str) -> lxml.html.HtmlElement:
    body = lxml.html.fromstring(html).find("body")
    hidden = body.find("div")
    assert "display:none" in hidden.get("style")
    body.remove(hidden)
    return body


@pytest.mark.parametrize(("template", "language"), ALL)
def test_the_twins_say_the_same_and_say_it_in_that_language(template, language):
    for said in letters.variants(template):
        twins = letters.draw(template, language, said)
        assert (mail_letters.TEMPLATES / f"{template}.{language}.txt").is_file()
        body = shown(twins.rich)
        for tag in body.iter("br"):
            tag.tail = " " + (tag.tail or "")
        links = [link.get("href") for link in body.iter("a")]
        rich = [word for block in body.iter("h1", "p", "td", "blockquote", "a", "span")
                if not len(block) or block.tag == "blockquote" for word in words(block.text_content())]  # fmt: skip
        assert rich.pop(0) == "Aanrader"
        assert plain_words(twins.plain) == rich
        assert set(links) <= set(twins.plain.split())
        assert lxml.html.fromstring(twins.rich).get("lang") == language


@pytest.mark.parametrize(("template", "language"), ALL)
def test_the_subject_says_how_much_and_when(template, language):
    twins = letters.draw(template, language, letters.facts(template))
    if template not in UNDATED:
        assert any(one in twins.subject for one in (DAYS[language], "3 December 2026", "3 december 2026"))
    source = (mail_letters.TEMPLATES / f"{template}.{language}.txt").read_text()
    if re.search(r"- .*\{\{ (amount|total)\|money", source):
        assert "€\xa0184,25" in twins.subject
    assert 10 < len(twins.subject) < 120


@pytest.mark.parametrize(("template", "language"), ALL)
def test_no_fact_becomes_markup_a_block_or_a_header(template, language):
    honest = letters.draw(template, language, letters.with_strings(template, "x"))
    twins = letters.draw(template, language, letters.with_strings(template, HOSTILE))
    assert not re.search("[\r\n\x00-\x1f\u2028\u202e]", twins.subject)
    tags = [[block.tag for block in shown(one.rich).iter() if block.tag != "br"] for one in (honest, twins)]
    assert tags[0] == tags[1]
    assert "<script" not in twins.rich
    assert {link.get("href") for link in shown(twins.rich).iter("a")} == {
        link.get("href") for link in shown(honest.rich).iter("a")
    }
    rules = [len(re.findall("^=+$", one.plain, re.MULTILINE)) for one in (honest, twins)]
    assert rules == [1, 1]
    assert "\u202e" not in twins.plain + twins.rich
    assert "\x00" not in twins.plain + twins.rich
    assert "{{ url }}" in twins.plain or honest.plain == twins.plain


@pytest.mark.parametrize(("template", "language"), ALL)
def test_the_html_is_for_mail_tables_one_button_nothing_from_elsewhere(template, language):
    page = lxml.html.fromstring(letters.draw(template, language, letters.facts(template)).rich)
    assert not page.xpath("//img | //script | //link | //iframe | //form | //object | //*[@background]")
    assert "url(" not in lxml.html.tostring(page, encoding="unicode")
    assert len(page.xpath("//a[contains(@class, 'label')]")) == (template not in BUTTONLESS)
    assert all(table.get("role") == "presentation" for table in page.iter("table"))
    assert len(page.xpath("//h1")) == 1
    assert "prefers-color-scheme: dark" in page.find("head").find("style").text
    assert page.xpath("//meta[@name='color-scheme']/@content") == ["light dark"]
    assert page.xpath("string(//body/div[1])").strip()
    # A word of whoever wrote it may be longer than a phone is wide.
    for block in page.xpath("//h1 | //blockquote | //tr/td[2] | //p"):
        if "12px/18px" not in block.get("style"):
            assert "overflow-wrap:anywhere" in block.get("style"), lxml.html.tostring(block)[:200]
    # What has no class keeps its light colour on a dark ground.
    for block in page.xpath("//*[contains(@style, 'color:') and not(contains(@style, 'display:none'))]"):
        assert block.get("class"), lxml.html.tostring(block)[:200]


def _light(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_mail_can_be_read_in_light_and_dark():
    found = mail_twins.colours()
    pairs = [*itertools.product(["ink", "ink2"], ["paper", "card", "sunk"]), ("on_pine", "pine"),
             ("pine", "card"), ("pine", "paper"), ("apricot_ink", "apricot")]  # fmt: skip
    for (front, back), theme in itertools.product(pairs, (0, 1)):
        one, two = sorted((_light(found[front][theme]), _light(found[back][theme])))
        assert (two + 0.05) / (one + 0.05) >= 4.5, (front, back, theme)


def _srgb(token: str) -> str:
    """Return a colour of static/app.css as #rrggbb: white, or oklch worked out as CSS Color 4 says."""
    if token == "#fff":
        return "#ffffff"
    light, chroma, hue = (float(part) for part in re.findall(r"[0-9.]+", token))
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    light /= 100
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
    encoded = (12.92 * one if one <= 0.0031308 else 1.055 * one ** (1 / 2.4) - 0.055 for one in linear)
    return "#" + "".join(f"{round(255 * min(1, max(0, one))):02x}" for one in encoded)


def test_the_colours_of_mail_are_those_of_the_product():
    sheet = (mail_letters.TEMPLATES.parents[1] / "static" / "app.css").read_text()
    colour = r"(#fff|oklch\([^)]*\))"
    tokens = re.findall(rf"--([a-z0-9-]+): light-dark\({colour}, {colour}\)", sheet)
    product = {name.replace("-", "_"): (light, dark) for name, light, dark in tokens}
    for name, pair in mail_twins.colours().items():
        assert tuple(map(_srgb, product[name])) == pair, name


def test_an_address_that_is_no_page_is_never_a_link():
    for url in ("javascript:alert(1)", "https://a.example/ x", "", "//evil.example"):
        with pytest.raises(mail_twins.UnsafeLink):
            letters.draw("verify_email", "en", letters.facts("verify_email", url=url))


def test_every_file_is_of_one_kind_and_every_kind_speaks_both_languages():
    files = {file.name.split(".")[0] for file in mail_letters.TEMPLATES.glob("*.txt")}
    named = [template for kind in mail_kinds.kinds().values() for template in kind.templates]
    assert sorted(named) == sorted(files - {"footer", "reasons"})
    for kind in mail_kinds.kinds().values():
        assert kind.of in {"everybody", "adviser", "shop", "finance", "readers"}
        for said in kind.said.values():
            assert said.title
            assert said.about
            assert bool(said.because) is kind.is_essential


def test_a_broken_template_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(mail_letters, "TEMPLATES", tmp_path)
    for name, text in {
        "headless": "Hello\n\nYou",
        "buttons": "Subject: x\n\nButton: a | https://a.example\n\nButton: b | https://b.example",
        "nowhere": "Subject: x\n\nButton: a",
    }.items():
        (tmp_path / f"{name}.en.txt").write_text(text)
        with pytest.raises(mail_letters.NotALetter):
            mail_letters.read(name, "en", {})
