"""Start services in order, restart the ones that die, leave none behind.

One thread, the watcher, starts every child, because the kernel ties "die with your parent" to the thread that forks.
Whoever wants a service up or down says so in its record; the watcher makes it true.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from marketplace.devtools import orphans
from marketplace.devtools.child import FIRST_PAUSE, Child, Wait
from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.processes import ProcessId, carries, die_with_parent, session_members
from marketplace.devtools.service import Service
from marketplace.devtools.state import World

_LONGEST_PAUSE = 5.0
# A child that lived this long starts again without a pause worth mentioning.
_HEALTHY_SECONDS = 10.0
_LARGEST_LOG = 20_000_000


class Supervisor:
    """Runs the services of one world; use `with Supervisor.of(world, say) as supervisor`."""

    def __init__(self, world: World, say: Callable[[str], None]) -> None:
        self.world = world
        self.say = say
        self.children: dict[str, Child] = {}
        self.stop_asked = threading.Event()
        self.changed: Callable[[], None] = lambda: None
        self._groups: list[list[str]] = []
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._wake = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watcher", daemon=True)
        identity = ProcessId.of(os.getpid())
        if identity is None:
            raise DevtoolsError("the supervisor can't find itself in /proc")
        self._identity = identity

    @classmethod
    @contextlib.contextmanager
    def of(cls, world: World, say: Callable[[str], None]) -> "Iterator[Supervisor]":
        """Be the one supervisor of `world`; at the end every child has gone.

        Processes that an earlier supervisor left in a crash are ended first. Raises DevtoolsError when another one
        lives.
        """
        world.prepare()
        with world.lock_file.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DevtoolsError(f"the {world.name} is running already (or just starting)") from None
            left = orphans.end_survivors(world)
            if left:
                say(f"ended {left} processes that a crash had left")
            supervisor = cls(world, say)
            supervisor._record()
            supervisor._watcher.start()
            try:
                yield supervisor
            finally:
                supervisor._shut_down()
                orphans.forget(world)

    # What callers may ask, from any thread

    def launch(self, services: Sequence[Service]) -> None:
        """Start services side by side, without waiting; they stop before those that were launched earlier."""
        with self._lock:
            for service in services:
                self.children[service.name] = Child(service, self.world.logs / f"{service.name}.log")
            self._groups.append([service.name for service in services])
        self._wake.set()

    def wait_until_ready(self) -> None:
        """Wait until each service is ready. Raises ServiceFailed with the end of the log of one that is not."""
        # All are asked in turn, because each is ready at its own time.
        waiting = [Wait(child) for child in self.children.values() if child.wanted]
        while waiting:
            if self.stop_asked.is_set():
                raise DevtoolsError("stopped while starting")
            waiting = [one for one in waiting if not one.is_over()]
            time.sleep(0.03)

    def start(self, name: str) -> None:
        """Start a service that was stopped and wait until it is ready; nothing happens when it runs."""
        child = self._child(name)
        with self._lock:
            child.wanted, child.not_before, child.pause = True, 0.0, FIRST_PAUSE
        self._wake.set()
        wait = Wait(child)
        while not wait.is_over():
            time.sleep(0.03)

    def stop(self, name: str, *, kill: bool = False) -> None:
        """Stop a service on purpose: it stays down until `start`. With `kill` as a crash would."""
        child = self._child(name)
        with self._lock:
            child.wanted = False
            process = child.process
        if process is not None:
            self._end(child, process, kill=kill)
            with self._lock:
                # Before somebody wants it up again, or its end would look like an accident.
                if child.process is process:
                    self._bury(child, process)
        self.changed()

    def status(self) -> list[dict[str, str | int | None]]:
        """Return name, pid (None when down), port and state per service, in starting order."""
        with self._lock:
            return [
                {
                    "name": name,
                    "pid": child.process.pid if child.process is not None and child.is_running else None,
                    "port": child.service.port,
                    "state": "up" if child.is_running else "restarting" if child.wanted else "stopped",
                }
                for name, child in self.children.items()
            ]

    # The watcher

    def _watch(self) -> None:
        while not self._over.is_set():
            with self._lock:
                for child in list(self.children.values()):
                    self._make_true(child)
            self._wake.wait(0.1)
            self._wake.clear()

    def _make_true(self, child: Child) -> None:
        if child.process is not None and child.process.poll() is not None:
            self._bury(child, child.process)
        if child.wanted and child.process is None and time.monotonic() >= child.not_before:
            try:
                self._spawn(child)
            except (OSError, DevtoolsError) as error:
                child.error = str(error)
                self._pause(child)

    def _bury(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        # Its own children may have survived it, holding its port.
        self._end_members(process.pid)
        child.process = child.identity = None
        if child.wanted:
            self.say(f"{child.service.name} ended with {process.returncode}; starting it again")
            if time.monotonic() - child.started_at > _HEALTHY_SECONDS:
                child.pause = FIRST_PAUSE
            self._pause(child)
        self._record()

    def _pause(self, child: Child) -> None:
        child.not_before = time.monotonic() + child.pause
        child.pause = min(child.pause * 2, _LONGEST_PAUSE)

    def _spawn(self, child: Child) -> None:
        service = child.service
        service.prepare()
        if child.log.exists() and child.log.stat().st_size > _LARGEST_LOG:
            child.log.replace(child.log.with_suffix(".log.1"))
        variable, value = self.world.marker
        with child.log.open("ab") as log:
            child.process = subprocess.Popen(
                service.argv,
                env={**service.env, variable: value},
                cwd=service.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent(service.stop_signal),
                **service.run_as,
            )
        child.identity = ProcessId.of(child.process.pid)
        child.started_at = time.monotonic()
        child.starts += 1
        child.error = None
        self._record()
        self.changed()

    def _record(self) -> None:
        known = {
            name: (child.identity, child.service.stop_signal)
            for name, child in self.children.items()
            if child.identity is not None
        }
        orphans.record(self.world, self._identity, known)

    def _child(self, name: str) -> Child:
        with self._lock:
            if name not in self.children:
                raise DevtoolsError(f"no service {name!r}; there are: {', '.join(self.children)}")
            return self.children[name]

    def _shut_down(self) -> None:
        with self._lock:
            for child in self.children.values():
                child.wanted = False
            groups = [[self.children[name] for name in group] for group in reversed(self._groups)]
        with _undisturbed():
            for group in groups:
                running = [(child, child.process) for child in group if child.process is not None]
                for child, process in running:
                    if process.poll() is None:
                        process.send_signal(child.service.stop_signal)
                for child, process in running:
                    self._end(child, process, kill=False, is_told=True)
            self._over.set()
            self._wake.set()
            self._watcher.join(10)

    def _end(
        self, child: Child, process: subprocess.Popen[bytes], *, kill: bool, is_told: bool = False
    ) -> None:
        """End a process and all that it started; after `stop_seconds` without mercy."""
        if process.poll() is None and not kill:
            if not is_told:
                process.send_signal(child.service.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(child.service.stop_seconds)
        if process.poll() is None:
            process.kill()
        self._end_members(process.pid)
        process.wait(10)

    def _end_members(self, session: int) -> None:
        for member in session_members(session):
            # The session's number may by now be somebody else's; the marker is ours alone.
            if member.pid != session and carries(member.pid, *self.world.marker):
                member.send(signal.SIGKILL)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no second Ctrl-C interrupt the ending of children."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
