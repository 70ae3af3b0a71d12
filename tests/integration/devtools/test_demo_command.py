"""`./dev demo` as a command, on a copy of the project with a state of its own: up, used, hurt, stopped, up again."""

import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from marketplace.devtools import ports
from marketplace.devtools.processes import ProcessId, carries
from marketplace.devtools.state import PROJECT, World

pytestmark = pytest.mark.slow

PROMISED = {
    "web", "edge", "sandbox", "mail", "database_url", "admin_database_url", "redis_url", "segments_dir", "log_dir",
    "clock", "processes", "webhook_secrets", "logins", "api_keys",
}  # fmt: skip
NOT_COPIED = (".venv", ".dev", ".git", "*cache*", "__pycache__", "tests")


class Demo:
    """The commands of one copy of the project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = World.demo(folder)

    def dev(self, *argv: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "marketplace.devtools", *argv],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    @property
    def facts(self) -> dict:
        return json.loads(self.world.demo_json.read_text())

    def pid(self, name: str) -> int | None:
        return next(one["pid"] for one in self.facts["processes"] if one["name"] == name)

    def members(self) -> list[int]:
        return [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit()
            and carries(int(entry.name), *self.world.marker)
            and ProcessId.of(int(entry.name))
        ]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "project"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns(*NOT_COPIED))
    made = Demo(folder)
    code, said = made.dev("demo", "--detach")
    assert code == 0, said
    yield made
    made.dev("stop")
    made.world.wipe()


def wait_for(condition, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def answers(url: str) -> bool:
    with contextlib.suppress(OSError), urlopen(url, timeout=5) as answer:
        return answer.status == 200
    return False


def test_the_file_for_programs_holds_what_was_promised_and_is_closed_to_others(demo):
    assert demo.facts.keys() >= PROMISED
    assert stat.S_IMODE(demo.world.demo_json.stat().st_mode) == 0o600
    assert all(login["password"] for login in demo.facts["logins"])
    assert sum(login["role"] == "finance" for login in demo.facts["logins"]) == 2
    for name in ("web", "edge", "sandbox", "mail"):
        assert demo.facts[name].startswith("http://127.0.0.1:")
    assert answers(f"{demo.facts['mail']}/messages")


def test_a_second_demo_says_that_it_runs(demo):
    before = demo.facts["processes"]
    code, said = demo.dev("demo", "--detach")
    assert code == 0
    assert "running already" in said
    assert demo.facts["processes"] == before


def test_the_facts_of_the_document_hold_on_a_fresh_demo(demo):
    code, said = demo.dev("facts")
    assert code == 0, said
    assert demo.facts["world"]["scale"] == 1


def test_another_port_for_a_running_demo_is_refused(demo):
    code, said = demo.dev("demo", "--detach", "--port", str(ports.any_free(1)[0]))
    assert code == 1
    assert "./dev stop first" in said


def test_a_killed_service_comes_back_and_the_file_says_its_new_pid(demo):
    before = demo.pid("web")
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: demo.pid("web") not in (None, before) and answers(f"{demo.facts['web']}/health"))


def test_postgres_stopped_the_hard_way_comes_back_on_demand(demo):
    assert demo.dev("stop", "postgres", "--kill")[0] == 0
    assert demo.pid("postgres") is None
    assert demo.dev("start", "postgres")[0] == 0
    wait_for(lambda: answers(f"{demo.facts['web']}/health"))


def test_a_crash_of_everything_leaves_nothing_after_stop_and_the_next_start_keeps_the_data(demo):
    facts = demo.facts
    os.kill(facts["supervisor_pid"], signal.SIGKILL)
    assert demo.dev("stop")[0] == 0
    wait_for(lambda: demo.members() == [], 10)
    assert not demo.world.demo_json.exists()
    began = time.monotonic()
    code, said = demo.dev("demo", "--detach")
    print(f"second start: {time.monotonic() - began:.1f} s")
    assert code == 0, said
    assert "seeding" not in said
    assert "migrating" not in said
    assert {name: demo.facts[name] for name in ("web", "logins", "api_keys")} == {
        name: facts[name] for name in ("web", "logins", "api_keys")
    }
    assert demo.dev("verify")[0] == 0


def test_a_taken_port_is_an_error_where_it_was_named_and_else_the_next_one(demo):
    web = int(demo.facts["web"].rpartition(":")[2])
    assert demo.dev("stop")[0] == 0
    assert demo.members() == []
    with socket.create_server(("127.0.0.1", web)):
        code, said = demo.dev("demo", "--detach", "--port", str(web))
        assert (code, f"port {web} is taken" in said) == (1, True)
        assert demo.members() == []
        assert demo.dev("demo", "--detach")[0] == 0
        assert not demo.facts["web"].endswith(f":{web}")


def test_stopping_what_does_not_run_is_no_error(demo):
    demo.dev("stop")
    assert demo.dev("stop") == (0, "nothing was running\n")
    code, said = demo.dev("stop", "web")
    assert (code, "no demo is running" in said) == (1, True)


def test_a_first_start_that_was_interrupted_begins_again_from_empty(demo):
    demo.dev("stop")
    begun = subprocess.Popen(
        [sys.executable, "-m", "marketplace.devtools", "demo", "--reset"],
        cwd=demo.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(demo.world.seeding_mark.exists)
        time.sleep(5)
    finally:
        begun.kill()
        begun.wait()
    assert not demo.world.people_file.exists()
    code, said = demo.dev("demo", "--detach")
    assert code == 0, said
    assert "interrupted while seeding; starting again from empty" in said
    assert demo.dev("facts")[0] == 0
