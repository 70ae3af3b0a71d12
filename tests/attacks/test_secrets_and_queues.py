"""Attacks on what is kept: logs, the queue and the start (50, 51, 52)."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from rq import SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

import wsgi
from marketplace.core import config, db, jobs
from tests.conftest import Database
from tests.integration.bad_input.conftest import siege
from tests.integration.bad_input.siege import PASSWORD, Siege

__all__ = ["siege"]

ROOT = Path(__file__).resolve().parents[2]
CANARY = "canary-7d1e"


def test_attack_50_no_field_breaks_a_line_of_the_log_or_leaves_a_secret_in_it(
    siege: Siege, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = f'{CANARY}\r\n{{"event": "forged"}}\r\nX-Evil: 1'
    owner, key = siege.people["owner"], siege.people["shop_key"]
    iban = "NL91ABNA0417164300"
    body = {"email": f"{CANARY}@example.org", "password": f"{CANARY} is a long password", "totp": "123456"}
    siege.ask("POST", "/accounts/sign-in", json=body)
    siege.ask("POST", "/accounts/sign-in", json=body | {"email": forged})
    siege.ask("POST", "/accounts/verify", json={"token": f"{CANARY}-token"})
    siege.ask("POST", "/accounts/reauthenticate", owner, json={"password": f"{CANARY} wrong wrong"})
    siege.ask("GET", f"/orders/{CANARY}%0d%0aX", key)
    siege.ask(
        "GET", "/me", headers={"Authorization": f"Bearer aan_live_{CANARY}", "User-Agent": f"{CANARY}\tx"}
    )
    siege.ask(
        "POST", "/orders", key, json=siege.mine.order("L-1") | {"customer": {"email": f"{CANARY}@x.org"}}
    )
    siege.ask("PATCH", f"/shops/{siege.things['shop_id']}", owner, json={"legal_name": iban, "name": forged})
    siege.ask("POST", "/webhooks/stripe/account", data=forged.encode(), headers={"Stripe-Signature": CANARY})
    log = structlog.get_logger("test")
    log.warning("something_odd", given=forged)
    written = capsys.readouterr()
    lines = (written.out + written.err).splitlines()
    events = [json.loads(line)["event"] for line in lines]
    assert "forged" not in events
    # The one line that was asked to hold the text holds it as one value; nobody else told it.
    told = [line for line in lines if CANARY in line]
    assert [json.loads(line)["event"] for line in told] == ["something_odd"]
    assert PASSWORD not in written.out + written.err
    assert iban not in written.out + written.err


def test_attack_50_a_broken_row_stands_in_no_log(siege: Siege, capsys: pytest.CaptureFixture[str]) -> None:
    email = siege.mine.rows("SELECT email FROM user_account LIMIT 1")[0]["email"]
    insert = (
        "INSERT INTO user_account (id, email, email_key, name, password_hash, session_key)"
        " VALUES (gen_random_uuid(), :email, :email, 'n', :hash, 'k')"
    )
    try:
        with db.transaction() as session:
            session.execute(sa.text(insert), {"email": email, "hash": CANARY})
    except sa.exc.IntegrityError as error:
        structlog.get_logger("test").error("request_failed", error=repr(error), exc_info=error)
    try:
        with db.transaction() as session:
            session.execute(sa.text("SELECT CAST(:text AS integer)"), {"text": CANARY})
    except sa.exc.DBAPIError as error:
        structlog.get_logger("test").error("request_failed", error=repr(error), exc_info=error)
    written = capsys.readouterr().err
    assert written.count("request_failed") == 2
    assert CANARY not in written
    assert email not in written


def run_the_queue() -> None:
    """Run all that waits in the queue, as the worker does."""
    worker = SimpleWorker(
        [jobs.queue()], connection=jobs.connection(), serializer=JSONSerializer, job_class=jobs.OwnJob
    )
    worker.work(burst=True, logging_level="CRITICAL")


def everything_in_valkey() -> bytes:
    """Return every value that Valkey holds now, unpacked where RQ packs it."""
    import zlib

    connection, found = jobs.connection(), b""
    for name in connection.keys("*"):
        kind = connection.type(name)
        if kind == b"hash":
            for value in connection.hgetall(name).values():
                with contextlib.suppress(zlib.error):
                    value = zlib.decompress(value)
                found += value + b"\n"
        elif kind == b"stream":
            for _, entry in connection.xrange(name):
                for value in entry.values():
                    try:
                        import base64

                        found += zlib.decompress(base64.b64decode(value))
                    except (ValueError, zlib.error):
                        found += value
        elif kind == b"string":
            found += connection.get(name) or b""
    return found


def test_attack_51_a_job_that_failed_leaves_no_value_in_valkey(
    database: Database, with_valkey: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(mail: str) -> None:
        statement = (
            "INSERT INTO user_account (id, email, email_key, name, password_hash, session_key, locale)"
            " VALUES (gen_random_uuid(), :mail, :mail, 'n', :hash, 'k', 'xx')"
        )
        with db.transaction() as session:
            session.execute(sa.text(statement), {"mail": f"{CANARY}@example.org", "hash": CANARY})

    monkeypatch.setitem(jobs.registry, "test.breaks", breaks)
    jobs.enqueue("test.breaks", "an-id")
    run_the_queue()
    kept = everything_in_valkey()
    assert b"JobFailed" in kept and b"IntegrityError" in kept
    assert CANARY.encode() not in kept
    log = capsys.readouterr().err
    # What went wrong is told to the log, without the row.
    assert "job_failed" in log and "ck_user_account_locale" in log
    assert CANARY not in log


def test_attack_51_whoever_writes_to_valkey_runs_no_code_here(
    database: Database, with_valkey: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The attacker puts jobs of their own into the queue: another function, a method, a callback, a pickle, a webhook."""
    mark = tmp_path / "ran"
    code = f"import pathlib; pathlib.Path({str(mark)!r}).write_text('x')"
    queue = jobs.queue()
    plain: dict[str, Any] = {
        "connection": jobs.connection(),
        "serializer": JSONSerializer,
        "origin": jobs.QUEUE,
    }

    def put(job: Job, **more: str) -> None:
        job.save()
        jobs.connection().hset(job.key, mapping={"status": "queued"} | more)
        jobs.connection().rpush(queue.key, job.id)

    for name, arguments in (
        ("os.system", [f"{sys.executable} -c {code!r}"]),
        ("subprocess.check_call", [[sys.executable, "-c", code]]),
        ("builtins.exec", [code]),
        ("marketplace.core.jobs.run_sweeps", []),
        ("marketplace.core.jobs.OwnJob.restore", [{}]),
        ("pathlib.Path.touch", [str(mark)]),
    ):
        put(Job.create(name, arguments, **plain))
    honest = ["no.such.job", "an-id"]
    put(
        Job.create("marketplace.core.jobs.perform", honest, **plain),
        failure_callback_name="pathlib.Path.home",
    )
    put(
        Job.create("marketplace.core.jobs.perform", honest, **plain),
        success_callback_name="os.getcwd",
        stopped_callback_name="os.getcwd",
        webhooks=json.dumps([{"url": "http://127.0.0.1:9/", "job_status": "failed"}]),
    )
    import pickle

    raw = Job.create("marketplace.core.jobs.perform", honest, **plain)
    raw.save()
    packed = pickle.dumps(("os.system", None, (f"touch {mark}",), {}))
    jobs.connection().hset(raw.key, mapping={"status": "queued", "data": packed})
    jobs.connection().rpush(queue.key, raw.id)

    run_the_queue()
    assert not mark.exists()
    for entry in jobs.connection().lrange(queue.key, 0, -1):
        raise AssertionError(f"{entry!r} stopped the queue")
    taken = jobs.OwnJob.fetch(raw.id, connection=jobs.connection(), serializer=JSONSerializer)
    assert taken.webhooks == []
    for job_id in queue.failed_job_registry.get_job_ids():
        job = jobs.OwnJob.fetch(job_id, connection=jobs.connection(), serializer=JSONSerializer)
        assert (job.success_callback, job.failure_callback, job.webhooks) == (None, None, [])


def test_attack_51_the_queue_and_its_worker_speak_json_only() -> None:
    """Static: no other serializer, and no queue, worker or job of RQ is made anywhere else; its errors may be named."""
    made = []
    for path in [
        ROOT / "wsgi.py",
        *(p for r in ("marketplace", "tracking", "payouts") for p in (ROOT / r).rglob("*.py")),
    ]:
        text = path.read_text(encoding="utf-8")
        if any(name.split(".")[0] == "rq" and name != "rq.exceptions" for name in _imported(text)):
            made.append(path.relative_to(ROOT).as_posix())
        assert "pickle" not in text or path.name == "jobs.py", path
    assert made == ["marketplace/core/jobs.py"]
    text = (ROOT / made[0]).read_text(encoding="utf-8")
    assert text.count("serializer=JSONSerializer") == text.count("job_class=OwnJob") == 2
    # What reads jobs that failed takes the queue, and with it the queue's serializer and kind of job.
    watch = (ROOT / "marketplace/core/queue_watch.py").read_text(encoding="utf-8")
    assert watch.count("jobs.OwnJob.fetch") == watch.count("serializer=line.serializer") == 1


def _imported(text: str) -> set[str]:
    """Return the modules that a source imports from."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(
                f"{node.module or ''}.{node.names[0].name}" if node.module == "rq" else node.module or ""
            )
    return found


GOOD = {
    "AANRADER_MODE": "production",
    "DATABASE_URL": "postgresql+psycopg://aanrader_app@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "AANRADER_SECRET_KEY": secrets.token_urlsafe(48),
    "AANRADER_TOKEN_KEYS": f"1:{secrets.token_hex(32)}",
    "AANRADER_BASE_URL": "https://aanrader.example",
}
WEAK: tuple[tuple[str, str, str], ...] = (
    ("AANRADER_SECRET_KEY", "", "AANRADER_SECRET_KEY"),
    ("AANRADER_SECRET_KEY", "short", "AANRADER_SECRET_KEY"),
    ("AANRADER_SECRET_KEY", "a" * 64, "AANRADER_SECRET_KEY"),
    ("AANRADER_SECRET_KEY", "change-me-change-me-change-me-change-me", "AANRADER_SECRET_KEY"),
    ("AANRADER_SECRET_KEY", "django-insecure-0123456789abcdefghijklmnop", "AANRADER_SECRET_KEY"),
    ("AANRADER_SECRET_KEY", "this-is-the-default-secret-key-of-the-manual", "AANRADER_SECRET_KEY"),
    ("AANRADER_SECRET_KEY_FALLBACKS", "short", "AANRADER_SECRET_KEY"),
    ("AANRADER_TOKEN_KEYS", "", "AANRADER_TOKEN_KEYS"),
    ("AANRADER_TOKEN_KEYS", "1:" + "0" * 64, "AANRADER_TOKEN_KEYS"),
    ("AANRADER_TOKEN_KEYS", "1:" + "ab" * 32, "AANRADER_TOKEN_KEYS"),
    ("DATABASE_URL", "", "DATABASE_URL"),
    ("REDIS_URL", "", "REDIS_URL"),
    ("AANRADER_BASE_URL", "http://aanrader.example", "AANRADER_BASE_URL"),
    ("FLASK_DEBUG", "1", "FLASK_DEBUG"),
    ("AANRADER_FETCH_HOSTS", "shop.example=127.0.0.1:1", "AANRADER_FETCH_HOSTS"),
    ("AANRADER_HTTP_TARGETS", "1", "AANRADER_HTTP_TARGETS"),
    ("AANRADER_TRUSTED_PROXIES", "all", "AANRADER_TRUSTED_PROXIES"),
    ("AANRADER_MODE", "prod", "AANRADER_MODE"),
)


@pytest.mark.parametrize(("name", "value", "told"), WEAK)
def test_attack_52_production_does_not_start_with_a_weak_setting_and_names_it(
    name: str, value: str, told: str
) -> None:
    with pytest.raises(config.SettingsError, match=told) as refused:
        config.refuse_without_secrets(config.load(GOOD | {name: value}))
    assert value == "" or len(value) < 20 or value not in str(refused.value)
    config.refuse_without_secrets(config.load(GOOD))


@pytest.mark.parametrize("target", ["app", "edge"])
def test_attack_52_the_real_process_ends_with_the_reason(target: str) -> None:
    program = f"import wsgi; wsgi.{target}"
    environment = GOOD | {"AANRADER_SECRET_KEY": "change-me-change-me-change-me-change-me"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "AANRADER_SECRET_KEY must be set" in done.stderr
    assert "change-me" not in done.stderr


def test_attack_52_the_debugger_stays_off_whatever_the_environment_says(
    settings: config.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from marketplace.core import web

    monkeypatch.setenv("FLASK_DEBUG", "1")
    app = web.create_app(dataclasses.replace(settings, database_url="unused"), [])
    assert app.debug is False
    assert app.config["PROPAGATE_EXCEPTIONS"] is False
    assert wsgi.EDGE_PREFIXES
