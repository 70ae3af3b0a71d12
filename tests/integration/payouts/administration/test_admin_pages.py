"""An admin's pages say what waits, what is held and what failed, and repeat only what is safe to repeat."""

from __future__ import annotations

import secrets
from typing import Any

import lxml.html
import pytest
import sqlalchemy as sa
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from werkzeug.test import TestResponse

from marketplace.core import clock, hooks, jobs, queue_watch
from tests.integration.payouts.finance.test_finance_pages import product
from tests.integration.payouts.settling import World

HOSTILE = "<script>alert(1)</script>"
MAIL = (
    "INSERT INTO mail_message (id, to_address, template, locale, facts, queued_at, attempts, next_attempt_at, last_error)"
    " VALUES (gen_random_uuid(), 'kees@post.example', 'report_decided', 'nl', '{}', now(), 3, now(),"
    " 'SMTPRecipientsRefused({''kees@post.example'': (550, b''<kees@post.example> unknown'')})')"
)
EVENT = (
    "INSERT INTO stripe_event (id, source, event_id, type, account, object_id, payload, received_at, next_try_at, tries,"
    " handled_at, outcome, note) VALUES (gen_random_uuid(), 'connect', :e, :t, 'acct_x', 'po_x', 'secret payload',"
    " now() - interval '1 hour', now(), 1, :h, :o, :n) RETURNING id"
)


class Admin:
    """An admin at their pages."""

    def __init__(self, world: World) -> None:
        self.world, self.client = world, product().test_client(use_cookies=False)
        with world.superuser() as connection:
            connection.execute(
                sa.text("UPDATE user_account SET role = 'admin' WHERE id = :u"),
                {"u": world.checker.actor.user_id},
            )

    def ask(self, path: str, *, form: Any = None, status: int = 200, finance: bool = False) -> TestResponse:
        self.world.play("app")
        person = self.world.maker if finance else self.world.checker
        headers = {"Accept": "text/html", **self.world.token(person.actor.user_id, totp_now=True)}
        answer = self.client.open(path, method="GET" if form is None else "POST", data=form, headers=headers)
        assert answer.status_code == status, (answer.status_code, answer.text[:3000])
        return answer

    def text(self, path: str, where: str = "//main", **more: Any) -> str:
        [found] = lxml.html.fromstring(self.ask(path, **more).text).xpath(where)
        return " ".join(found.text_content().split()).replace("\xa0", " ")

    def row(self, statement: str, **values: Any) -> Any:
        with self.world.superuser() as connection:
            return connection.execute(sa.text(statement), values).first()


@pytest.fixture
def admin(world: World) -> Admin:
    jobs.connection().flushall()
    return Admin(world)


def event(admin: Admin, outcome: str | None, note: str | None = None) -> str:
    at = clock.now() if outcome else None
    name = f"evt_{secrets.token_hex(6)}"
    return str(admin.row(EVENT, e=name, t="payout.paid", h=at, o=outcome, n=note)[0])


def test_the_first_page_counts_what_waits_and_opens_the_oldest(admin: Admin) -> None:
    assert "Nothing waits. Decisions" in admin.text("/admin")
    admin.row(MAIL + " RETURNING id")
    event(admin, "parked")
    event(admin, None)
    page = lxml.html.fromstring(admin.ask("/admin").text)
    rows = {
        row.xpath("string(th)").strip(): row.xpath("string(td[1])").strip()
        for row in page.xpath("//tbody/tr")
    }
    assert rows["Mails that do not go out"] == rows["Stripe events set aside"] == "1"
    assert rows["Stripe events not handled"] == "1"
    assert rows["Disputes to decide"] == "0"
    [primary] = page.xpath("//main//a[contains(@class, 'primary')]/@href")
    assert primary.startswith("/admin/webhooks")
    for path in (
        "/admin",
        "/admin/holds",
        "/admin/jobs",
        "/admin/webhooks",
        "/admin/accounts",
        "/admin/evidence",
    ):
        admin.ask(path, finance=True, status=403)


def test_an_event_is_handled_again_only_where_that_can_change_anything(admin: Admin) -> None:
    parked, done, waiting = event(admin, "parked", HOSTILE), event(admin, "done"), event(admin, None)
    page = admin.ask("/admin/webhooks")
    assert HOSTILE not in page.text
    assert "secret payload" not in page.text
    assert len(lxml.html.fromstring(page.text).xpath("//form[contains(@action, '/replay')]")) == 2
    admin.ask(f"/admin/webhooks/{parked}/replay", form={}, status=303)
    again = admin.row(
        "SELECT outcome, handled_at, next_try_at <= now() FROM stripe_event WHERE id = :i", i=parked
    )
    assert tuple(again) == (None, None, True)
    admin.ask(f"/admin/webhooks/{waiting}/replay", form={}, status=303)
    refused = admin.ask(f"/admin/webhooks/{done}/replay", form={}, status=409)
    assert "came to its end" in refused.text
    admin.ask("/admin/webhooks/00000000-0000-7000-8000-000000000000/replay", form={}, status=404)
    assert admin.row("SELECT count(*) FROM audit_event WHERE action = 'stripe_event.again'")[0] == 2
    file = admin.ask("/admin/webhooks?state=done&format=csv").text.splitlines()
    assert len(file) == 2
    assert "payload" not in file[0]


def test_background_work_shows_failures_without_addresses_and_tries_again(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.row(MAIL + " RETURNING id")
    monkeypatch.setitem(jobs.registry, "test.fails", lambda _id: 1 / 0)
    line = jobs.queue()
    made = line.enqueue(jobs.perform, "test.fails", "an-id", failure_ttl=60, result_ttl=0)
    worker = SimpleWorker(
        [line], connection=line.connection, serializer=JSONSerializer, job_class=jobs.OwnJob
    )
    worker.work(burst=True, logging_level="CRITICAL")
    page = admin.text("/admin/jobs")
    assert "test.fails: ZeroDivisionError" in page
    assert "kees@post.example" not in page
    assert "550" in page
    admin.ask("/admin/jobs/retry", form={"job_id": made.id}, status=303)
    assert jobs.waiting() == 1
    admin.ask("/admin/jobs/retry", form={"job_id": made.id}, status=410)
    assert "evidence_expired_due" in admin.text("/admin/jobs?due=true", "//section[@id='due']")


def test_sweeps_and_promises_leave_word_that_an_admin_reads(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks() -> int:
        raise KeyError("a value of somebody")

    monkeypatch.setattr(
        jobs, "sweeps", {"well": jobs.Sweep("well", 5, lambda: 3), "ill": jobs.Sweep("ill", 5, breaks)}
    )
    assert jobs.run_sweeps() == 3
    shown = admin.text("/admin/jobs", "//section[@id='sweeps']")
    assert "KeyError" in shown
    assert "somebody" not in shown
    kept = hooks.Invariant("kept", "rows", lambda _session: hooks.Finding(0, 7))
    broken = hooks.Invariant("broken", "cents", lambda _session: hooks.Finding(4, 7))
    monkeypatch.setattr(hooks, "invariants", {"kept": kept, "broken": broken})
    admin.ask("/admin/jobs/check", form={}, status=303)
    assert "is not done yet" in admin.text("/admin/jobs", "//section[@id='promises']")
    admin.world.play("worker")
    queue_watch.check()
    told = admin.text("/admin/jobs", "//section[@id='promises']")
    assert "4 cents" in told and "call whoever builds" in told
    assert "is not done yet" not in told
    assert "Broken promises1" in admin.text("/admin").replace(" 1", "1")


def test_holds_name_whose_money_waits_why_and_how_much(admin: Admin) -> None:
    world = admin.world
    world.budget(100_000)
    bare, banned = world.adviser(earned=1_250, connected=False), world.adviser(earned=4_000)
    world.adviser(earned=9_900)
    admin.row(
        "UPDATE adviser SET state = 'banned', display_name = :n WHERE id = :i RETURNING id",
        n=HOSTILE,
        i=banned.id,
    )
    page = lxml.html.fromstring(admin.ask("/admin/holds").text)
    rows = [" ".join(row.text_content().split()).replace("\xa0", " ") for row in page.xpath("//tbody/tr")]
    assert len(rows) == 2
    assert "Adviser banned" in rows[0] and "€ 40,00" in rows[0]
    assert "No payout account" in rows[1] and "€ 12,50" in rows[1]
    assert not page.xpath("//script[contains(text(), 'alert')]")
    assert "€ 52,50" in admin.text("/admin/holds", "//tfoot")
    file = admin.ask("/admin/holds?why=banned&format=csv").text
    assert str(banned.id) in file and str(bare.id) not in file and ",4000," in file
