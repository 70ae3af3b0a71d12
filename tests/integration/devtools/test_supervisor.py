"""The supervisor on real children: restarts the dead, leaves alone what was stopped on purpose, leaves nothing."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from marketplace.devtools import control, orphans, ports
from marketplace.devtools.environment import base_environment
from marketplace.devtools.errors import DevtoolsError, ServiceFailed
from marketplace.devtools.processes import ProcessId, carries
from marketplace.devtools.service import Service, listens
from marketplace.devtools.state import World
from marketplace.devtools.supervisor import Supervisor

# A server with a child of its own, as granian has; both deaf to SIGTERM when told so.
SERVER = """
import signal, socket, subprocess, sys, time
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"])
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(600)
"""


def quiet(_text: str) -> None:
    return None


def service(name: str, port: int, *, deaf: bool = False, code: str = SERVER) -> Service:
    return Service(
        name=name,
        argv=[sys.executable, "-c", code, str(port), "deaf" if deaf else "-"],
        env=base_environment(),
        cwd=Path("/"),
        ready=listens(port),
        port=port,
        ready_seconds=15,
        stop_seconds=2,
    )


def members(world: World) -> list[int]:
    """Every process of this machine that carries the world's marker; one that was killed takes an instant to go."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and carries(int(entry.name), *world.marker) and ProcessId.of(int(entry.name))
    ]


def wait_for(condition, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def world():
    with World.throwaway("test") as made:
        yield made


def start_all(supervisor: Supervisor, services: list[Service]) -> None:
    supervisor.launch(services)
    supervisor.wait_until_ready()


def pid_of(supervisor: Supervisor, name: str) -> int | None:
    return next(one["pid"] for one in supervisor.status() if one["name"] == name)


def test_services_start_and_nothing_is_left_at_the_end(world):
    first, second = ports.any_free(2)
    with Supervisor.of(world, quiet) as supervisor:
        start_all(supervisor, [service("one", first)])
        start_all(supervisor, [service("two", second)])
        assert [one["state"] for one in supervisor.status()] == ["up", "up"]
        assert len(members(world)) == 4
    wait_for(lambda: members(world) == [], 5)
    assert not world.processes_file.exists()


def test_a_dead_service_is_started_again(world):
    [port] = ports.any_free(1)
    with Supervisor.of(world, quiet) as supervisor:
        start_all(supervisor, [service("one", port)])
        before = pid_of(supervisor, "one")
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: pid_of(supervisor, "one") not in (None, before) and listens(port)())
        # The child of the dead one went too, or it would hold on to its port.
        wait_for(lambda: len(members(world)) == 2)


def test_a_service_stopped_on_purpose_stays_down_until_started(world):
    [port] = ports.any_free(1)
    with Supervisor.of(world, quiet) as supervisor, control.listening(supervisor):
        start_all(supervisor, [service("one", port)])
        control.ask(world, {"do": "stop", "name": "one"})
        time.sleep(1.0)
        assert supervisor.status()[0]["state"] == "stopped"
        wait_for(lambda: members(world) == [], 5)
        control.ask(world, {"do": "start", "name": "one"})
        assert listens(port)()
        assert supervisor.status()[0]["state"] == "up"


def test_kill_does_not_wait_for_a_deaf_service(world):
    [port] = ports.any_free(1)
    with Supervisor.of(world, quiet) as supervisor, control.listening(supervisor):
        start_all(supervisor, [service("one", port, deaf=True)])
        began = time.monotonic()
        control.ask(world, {"do": "stop", "name": "one", "kill": True})
        assert time.monotonic() - began < 1.5
        wait_for(lambda: members(world) == [], 5)


def test_the_end_comes_for_deaf_services_too(world):
    [port] = ports.any_free(1)
    with Supervisor.of(world, quiet) as supervisor:
        start_all(supervisor, [service("one", port, deaf=True)])
    wait_for(lambda: members(world) == [], 5)


def test_a_service_that_keeps_ending_is_an_error_with_its_last_words(world):
    failing = service("broken", 1, code="raise SystemExit('no such thing as a free lunch')")
    with (
        pytest.raises(ServiceFailed, match=r"(?s)broken does not start: it keeps ending.*free lunch"),
        Supervisor.of(world, quiet) as supervisor,
    ):
        start_all(supervisor, [failing])
    wait_for(lambda: members(world) == [], 5)


def test_restarts_come_slower_and_slower(world):
    # It lives for a moment, so that the supervisor sees it start; one that never starts is another story.
    code = "import time; print(time.monotonic(), flush=True); time.sleep(0.3)"
    ends = Service("short", [sys.executable, "-c", code], base_environment(), Path("/"))
    with Supervisor.of(world, quiet) as supervisor:
        start_all(supervisor, [ends])
        wait_for(lambda: len((world.logs / "short.log").read_text().split()) >= 4)
    at = [float(word) for word in (world.logs / "short.log").read_text().split()]
    pauses = [later - earlier for earlier, later in itertools.pairwise(at)]
    assert pauses[0] >= 0.5
    assert pauses[2] > pauses[1] > pauses[0]


def test_two_supervisors_of_one_world_are_refused(world):
    with (
        Supervisor.of(world, quiet),
        pytest.raises(DevtoolsError, match="running already"),
        Supervisor.of(world, quiet),
    ):
        pass


def test_a_request_that_makes_no_sense_gets_an_answer(world):
    with Supervisor.of(world, quiet) as supervisor, control.listening(supervisor):
        for request in ({"do": "dance"}, {"do": "stop"}, {}, {"do": "stop", "name": "nobody"}):
            with pytest.raises(DevtoolsError):
                control.ask(world, request)
        assert control.ask(world, {"do": "status"})["services"] == []


def test_asking_nobody_says_how_to_start(world):
    with pytest.raises(DevtoolsError, match="no test is running"):
        control.ask(world, {"do": "status"})


# One supervisor in a process of its own, that can be killed: postgres, valkey and two servers.
APART = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1] + "/tests/integration/devtools")
from test_supervisor import service, start_all, quiet
from marketplace.devtools import control, services
from marketplace.devtools.postgres import Postgres
from marketplace.devtools.state import World
from marketplace.devtools.supervisor import Supervisor
from marketplace.devtools.valkey import Valkey
world = World("test", Path(sys.argv[1]), *map(Path, sys.argv[2:5]))
with Supervisor.of(world, quiet) as supervisor, control.listening(supervisor):
    start_all(supervisor, [
        services.postgres(Postgres(world.postgres, world.sockets)),
        services.valkey(Valkey(world.valkey, world.sockets)),
    ])
    start_all(supervisor, [service("plain", int(sys.argv[5])), service("deaf", int(sys.argv[6]), deaf=True)])
    print("ready", flush=True)
    supervisor.stop_asked.wait()
"""


@pytest.fixture
def apart(world):
    free = [str(port) for port in ports.any_free(2)]
    argv = [sys.executable, "-c", APART, str(world.project), str(world.state), str(world.sockets)]
    with subprocess.Popen(
        [*argv, str(world.demo_json), *free], stdout=subprocess.PIPE, text=True, cwd=world.project
    ) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()
        process.wait()
        orphans.end_survivors(world)


def recorded(world: World) -> list[ProcessId]:
    children = json.loads(world.processes_file.read_text())["children"]
    assert set(children) == {"postgres", "valkey", "plain", "deaf"}
    return [ProcessId(pid, started) for pid, started, _ in children.values()]


def test_a_killed_supervisor_leaves_nothing_after_stop(world, apart):
    children = recorded(world)
    assert all(child.is_alive for child in children)
    apart.send_signal(signal.SIGKILL)
    apart.wait()
    assert orphans.running_supervisor(world) is None
    # The deaf one and both grandchildren live on: nobody told them, or they didn't listen.
    wait_for(lambda: not children[0].is_alive)
    assert children[3].is_alive
    assert orphans.end_survivors(world, grace=2) >= 3
    assert not any(child.is_alive for child in children)
    wait_for(lambda: members(world) == [], 5)


def test_the_next_supervisor_ends_what_a_killed_one_left(world, apart):
    children = recorded(world)
    apart.send_signal(signal.SIGKILL)
    apart.wait()
    said: list[str] = []
    with Supervisor.of(world, said.append):
        wait_for(lambda: members(world) == [], 5)
        assert not any(child.is_alive for child in children)
    assert any("a crash had left" in line for line in said)


def test_shutdown_over_the_socket_ends_everything_in_order(world, apart):
    children = recorded(world)
    control.ask(world, {"do": "shutdown"})
    assert apart.wait(30) == 0
    assert not any(child.is_alive for child in children)
    wait_for(lambda: members(world) == [], 5)
    assert "database system is shut down" in (world.logs / "postgres.log").read_text()
