"""What a supervisor leaves on disk about its processes, and how the next one ends those that survived a crash.

Nothing is ended by its name or by its pid alone: the start time must agree, or the process must be in the session of
a recorded child and carry this world's marker in its environment.
"""

import signal
import time

from marketplace.devtools.postgres import Postgres
from marketplace.devtools.processes import ProcessId, carries, session_members
from marketplace.devtools.secret_file import read_secret, write_secret
from marketplace.devtools.state import World

_GRACE_SECONDS = 5.0
# PostgreSQL writes what it has in memory before it goes; killing it is safe, but then it recovers at its next start.
_POSTGRES_SECONDS = 20.0


def record(
    world: World, supervisor: ProcessId, children: dict[str, tuple[ProcessId, signal.Signals]]
) -> None:
    """Write down who runs, so that a crash leaves nothing unknown."""
    write_secret(
        world.processes_file,
        {
            "supervisor": [supervisor.pid, supervisor.started],
            "children": {
                name: [process.pid, process.started, int(stop_signal)]
                for name, (process, stop_signal) in children.items()
            },
        },
    )


def forget(world: World) -> None:
    """Remove the record: nothing runs any more."""
    world.processes_file.unlink(missing_ok=True)


def running_supervisor(world: World) -> ProcessId | None:
    """Return the world's supervisor when it lives."""
    found = read_secret(world.processes_file).get("supervisor")
    supervisor = ProcessId(*found) if found else None
    return supervisor if supervisor is not None and supervisor.is_alive else None


def survivors(world: World) -> dict[ProcessId, signal.Signals]:
    """Return what still runs of a supervisor that has gone, with the signal that ends each in order."""
    found: dict[ProcessId, signal.Signals] = {}
    for pid, started, stop_signal in read_secret(world.processes_file).get("children", {}).values():
        child = ProcessId(pid, started)
        if child.is_alive:
            found[child] = signal.Signals(stop_signal)
        for member in session_members(pid):
            if member != child and member.started >= started and carries(member.pid, *world.marker):
                found[member] = signal.SIGTERM
    server = Postgres(world.postgres, world.sockets).postmaster()
    if server is not None:
        found[server] = signal.SIGINT
    return found


def end_survivors(world: World, *, grace: float = _GRACE_SECONDS) -> int:
    """End what a crashed supervisor left behind, after `grace` seconds without mercy; returns how many it were.

    Children of a living supervisor are left alone.
    """
    if running_supervisor(world) is not None:
        return 0
    found = survivors(world)
    for process, stop_signal in found.items():
        process.send(stop_signal)
    began = time.monotonic()
    for process, stop_signal in found.items():
        patience = _POSTGRES_SECONDS if stop_signal == signal.SIGINT else grace
        if not process.wait_until_gone(max(0.0, began + patience - time.monotonic())):
            process.send(signal.SIGKILL)
            process.wait_until_gone(5)
    # A leader that ended in order may have left members behind.
    for process in survivors(world):
        process.send(signal.SIGKILL)
        process.wait_until_gone(5)
    forget(world)
    return len(found)
