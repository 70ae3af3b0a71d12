"""The test that no text becomes markup notices each hole through which one would: planted here, one at a time."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

import flask.testing
import jinja2
import pytest
from markupsafe import Markup

from marketplace.accounts import loader
from marketplace.advice import markup
from marketplace.community import structured
from marketplace.core import formats
from tests.browser.fair import Fair
from tests.browser.judging import markup_of
from tests.browser.pages import ORDER, PAGES
from tests.browser.payloads import payloads
from tests.browser.poison import poison
from tests.browser.visits import Ground
from tests.conftest import Database
from tests.standing import Standing

pytestmark = [pytest.mark.browser, pytest.mark.slow]
# The page that shows it, the template, what stands there, and what somebody could have written by mistake.
HOLES = {
    "a title": ("advice", "advice/page.html", "<h1>{{ document.title }}</h1>", "<h1>{{ document.title|safe }}</h1>"),
    "the page's title": ("advice", "advice/page.html", "{% block title %}{{ document.title }}", "{% block title %}{{ document.title|safe }}"),
    "a question": ("advice", "_macros/advice.html", "{{ one.question.body }}", "{{ one.question.body|safe }}"),
    "who asked": ("advice", "_macros/advice.html", "{{ one.question.asker_name }}", "{{ one.question.asker_name|safe }}"),
    "an answer": ("advice", "_macros/advice.html", "{{ answer.body }}", "{{ answer.body|safe }}"),
    "a review": ("reviews", "community/reviews.html", "{{ one.body }}", "{{ one.body|safe }}"),
    "a plus": ("advice", "_macros/advice.html", "</span>{{ text }}</span></li>{% endfor %}{% for text in one.minus", "</span>{{ text|safe }}</span></li>{% endfor %}{% for text in one.minus"),
    "an attribute": ("adviser-editor", "advice/editor.html", 'value="{{ draft.title }}"', 'value="{{ draft.title|safe }}"'),
    "an attribute without quotes": ("advice", "advice/page.html", 'name="description" content="{{ document.verdict }}"', 'name="description" content={{ document.verdict|safe }}'),
    "an area of text": ("adviser-editor", "advice/editor.html", ">{{ draft.verdict }}</textarea>", ">{{ draft.verdict|safe }}</textarea>"),
    "a list's option": ("adviser-offers", "offers/index.html", "{{ one.offer.name }}", "{{ one.offer.name|safe }}"),
    "a shop's name": ("adviser-link", "links/show.html", "{{ entry.shop }}", "{{ entry.shop|safe }}"),
    "an adviser's name": ("shop-orders", "shop/_parts.html", '{{ row.adviser or "–" }}', '{{ (row.adviser or "–")|safe }}'),
    "a name in an attribute": ("shop-orders", "shop/_parts.html", """aria-label="{{ _('Choose order %(ref)s', ref=row.order_ref) }}\"""", """aria-label="{{ row.order_ref|safe }}\""""),
    "an address": ("adviser-link", "links/show.html", "{{ entry.link.target_url|outward }}", "{{ entry.link.target_url }}"),
    "a whole page": ("shop-products", "shop/products.html", "{% block content %}", "{% block content %}{% autoescape false %}"),
}  # fmt: skip


@dataclasses.dataclass
class Reader:
    """Somebody who asks for pages of the poisoned fair, of a product in which a hole can be planted."""

    fair: Fair
    ground: Ground

    def markup_on(self, name: str) -> list[str]:
        """Return what a page shows that a text made."""
        page = next(one for one in PAGES if one.name == name)
        client: flask.testing.FlaskClient = self.fair.app.test_client(use_cookies=False)
        guest = self.ground.guests.get(page.role)
        headers = {"Accept": "text/html"} | ({"Cookie": f"{loader.COOKIE}={guest.cookie}"} if guest else {})
        answer = client.get(self.ground.path(page), headers=headers)
        assert answer.status_code == page.status, answer.text[:300]
        return markup_of(answer.text)


def compile_anew(environment: jinja2.Environment) -> None:
    """Forget templates that were compiled before."""
    if environment.cache is not None:
        environment.cache.clear()


@pytest.fixture(scope="module")
def hostile(poisoned: Ground) -> Ground:
    """The fair in which every text is hostile, whatever other tests did with it before."""
    poison(poisoned.engine, payloads()[::25], {poisoned.path(ORDER).rpartition("/")[2]})
    return poisoned


@pytest.fixture
def reader(fair: Standing[Fair], hostile: Ground) -> Iterator[Reader]:
    copy = dataclasses.replace(fair, database=Database(fair.world.copy, fair.database.postgres))
    environment = fair.world.app.jinja_env
    kept = environment.loader
    with copy.at_work() as world:
        yield Reader(world, hostile)
    environment.loader = kept
    compile_anew(environment)


@pytest.mark.parametrize("hole", HOLES)
def test_a_hole_in_a_template_is_noticed(reader: Reader, hole: str) -> None:
    page, template, was, becomes = HOLES[hole]
    environment = reader.fair.app.jinja_env
    assert environment.loader is not None
    source = environment.loader.get_source(environment, template)[0]
    assert was in source, "the template was written anew; say anew where a hole would be"
    assert reader.markup_on(page) == []
    holed = source.replace(was, becomes)
    if "autoescape false" in becomes:
        holed = holed.replace("{% endblock %}", "{% endautoescape %}{% endblock %}")
        head, _, tail = holed.partition(becomes)
        holed = head.replace("{% endautoescape %}", "") + becomes + tail
    environment.loader = jinja2.ChoiceLoader([jinja2.DictLoader({template: holed}), environment.loader])
    compile_anew(environment)
    assert reader.markup_on(page) != []


def test_structured_data_that_ends_its_own_element_is_noticed(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(data: object) -> Markup:
        return Markup(f'<script type="application/ld+json">{json.dumps(data, default=str)}</script>')

    monkeypatch.setattr(structured, "script", careless)
    assert reader.markup_on("advice") != []


def test_text_in_markdown_that_is_not_cleaned_is_noticed(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(markup, "render", Markup)
    assert reader.markup_on("advice") != []


def test_an_address_that_leads_to_a_script_is_noticed(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(reader.fair.app.jinja_env.filters, "outward", str)
    assert formats.outward("javascript:alert(0)") == ""
    compile_anew(reader.fair.app.jinja_env)
    assert reader.markup_on("adviser-link") != []
