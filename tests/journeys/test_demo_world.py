"""The demo's world, played as its first start plays it, on servers of its own: every figure of docs/demo.md comes out."""

from __future__ import annotations

import os
import threading

import pytest

from marketplace.devtools import business_time, drain, facts_command, ports, stack
from marketplace.devtools.errors import ServiceFailed
from marketplace.devtools.state import World
from marketplace.devtools.talk import Caller
from marketplace.devtools.throwaway import memory_folder
from marketplace.devtools.world import expected, play, totals
from marketplace.devtools.world.advice import texts
from marketplace.devtools.world.plan import plan
from marketplace.devtools.world.site import WorldSite, hosts_setting
from marketplace.devtools.world.site_control import Control
from marketplace.devtools.world.story import DAYS


class Played:
    """A world that was played: what was said, its facts as tables, and what its promises say."""

    def __init__(self, running: stack.Stack, control: Control) -> None:
        facts, self.said = running.facts(), []
        people = play.play(facts, plan(), self._run(running), control, self._say)
        demo = {**facts, **people}
        self.tables = totals.of_demo(demo, facts_command.finance(demo))
        self.people, self.left = people, drain.due(facts)
        shops = [one["key"] for one in people["api_keys"] if one["role"] == "owner" and one["mode"] == "live"]
        self.sources = [one for key in shops for one in Caller(facts["web"], key).items("feed-sources")]
        web = Caller(facts["web"])
        self.advice = [web.get(f"advice-pages/{one['id']}") for one in web.items("advice-pages", limit=100)]
        shown = [block for one in self.advice for block in one["document"]["blocks"]]
        self.pictures = [
            web.request("GET", f"/pictures/{block['picture_id']}/480.webp")
            for block in shown
            if block.get("picture_id")
        ]
        try:
            self.verified = running.command("-m", "marketplace.devtools", "verify", name="worker")
        except ServiceFailed as failed:
            self.verified = str(failed)

    def _say(self, text: str) -> None:
        print(text)
        self.said.append(text)

    @staticmethod
    def _run(running: stack.Stack):
        return lambda *argv: running.command(*argv, name="worker")


@pytest.fixture(scope="module")
def played():
    site = WorldSite(0, Control(None))
    threading.Thread(target=site.server.serve_forever, name="shops", daemon=True).start()
    extra = {"AANRADER_FETCH_HOSTS": hosts_setting(site.port), "AANRADER_HTTP_TARGETS": "1"}
    base = 20_000 + os.getpid() % 2_000 * 10
    chosen = ports.choose({name: base + place for place, name in enumerate(stack.WANTED_PORTS)})
    try:
        with (
            World.throwaway("world", memory_folder()) as world,
            stack.running(
                world,
                chosen,
                print,
                mode="test",
                extra=extra,
                prepared=lambda running: business_time.begin(running.facts(), -DAYS * 86_400),
            ) as running,
        ):
            yield Played(running, site.control)
    finally:
        site.server.shutdown()
        site.server.server_close()


def test_every_figure_of_the_document_comes_out(played):
    document = facts_command.DOCUMENT.read_text(encoding="utf-8")
    assert totals.written(played.tables) == totals.in_document(document)


def test_the_product_and_plain_arithmetic_agree(played):
    by_title = {one.title: one for one in played.tables}
    for worked in expected.tables(plan()):
        assert by_title[worked.title] == worked


def test_every_promise_holds_and_nothing_is_due(played):
    lines = [line for line in played.verified.splitlines() if "\t" in line]
    assert len(lines) > 30
    assert [line for line in lines if not line.startswith("ok\t")] == []
    assert played.left == {}


def test_each_shops_feed_was_fetched_from_its_site_and_will_be_every_week(played):
    assert len(played.sources) == 3
    for source in played.sources:
        assert (source["every"], source["state"], source["failures"]) == ("weekly", "active", 0)
        assert source["last_fetch"]["outcome"] == "queued"


def test_advice_stands_as_it_was_written_and_pays_where_its_adviser_takes_part(played):
    down = {one.page for one in texts.reports() if one.outcome == "uphold"}
    written = {one.title: one for one in texts.pages() if one.ends == "published" and one.key not in down}
    assert {one["title"] for one in played.advice} == set(written)
    for one in played.advice:
        cards = written[one["title"]].cards
        assert [button["pays"] for button in one["buttons"]] == ["offer" in card for card in cards]
    twins = [one["title"] for one in played.advice if one["twin_id"]]
    assert len(twins) == 2
    assert len(played.pictures) == sum(
        block["type"] == "picture" for one in written.values() for block in one.blocks
    )
    assert {answer.headers["Content-Type"] for answer in played.pictures} == {"image/webp"}


def test_progress_tells_each_week_and_how_long_is_left(played):
    weeks = [line for line in played.said if "] day" in line]
    assert len(weeks) == DAYS // 7 + 2
    assert all(" s left" in line for line in weeks[1:])


def test_demo_json_has_everybody_with_bergkoffies_people_first(played):
    logins = played.people["logins"]
    first = {}
    for one in logins:
        first.setdefault(one["role"], one["name"])
    assert first == {
        "owner": "Sanne de Vries",
        "staff": "Sam Smit",
        "adviser": "Bram Bakker",
        "finance": "Fatima Finance",
        "admin": "Ada Admin",
    }
    assert [one["name"] for one in logins if one["role"] == "adviser"][1] == "Noor Jansen"
    assert [one["name"] for one in logins if one["role"] == "finance"][1] == "Frits Finance"
    keys = {(one["role"], one["mode"]) for one in played.people["api_keys"]}
    assert keys == {
        ("owner", "live"),
        ("owner", "test"),
        ("adviser", "live"),
        ("adviser", "test"),
        ("finance", "live"),
    }
