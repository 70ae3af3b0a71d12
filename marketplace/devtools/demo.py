"""`./dev demo`, `./dev stop` and `./dev start`: the whole product on real servers, with people and history in it."""

import argparse
import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, TextIO

from marketplace.devtools import business_time, control, orphans, ports, seed, stack
from marketplace.devtools.detach import in_background
from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.secret_file import read_secret, write_secret
from marketplace.devtools.state import World
from marketplace.devtools.world.facts import SHOPS

_STOP_SECONDS = 90.0
_READY_SECONDS = 300.0


def _say(text: str) -> None:
    print(text, flush=True)


def run(args: argparse.Namespace) -> int:
    """Start the demo (args: reset, detach, port, scale) and stay until Ctrl-C, or until it is ready with `detach`."""
    world = World.demo()
    world.demo_json.parent.mkdir(exist_ok=True)
    # Whoever holds this lock is the demo, from its first step to its last; it goes with the process.
    with (world.demo_json.parent / "demo.lock").open("a") as lock:
        if args.reset:
            stop_everything(world, quiet=True)
        if not _locked(lock, seconds=30 if args.reset else 0):
            return _already_running(world, lock, args.port)
        orphans.end_survivors(world)
        # Of a demo that crashed; whoever waits for ours must not read it.
        world.demo_json.unlink(missing_ok=True)
        if args.reset:
            world.wipe()
        world.prepare()
        if args.detach:
            return in_background(world.logs / "demo.log", lambda ready: _serve(world, args, ready))
        return _serve(world, args, lambda: None)


def _locked(lock: TextIO, *, seconds: float) -> bool:
    """Take the lock, waiting at most `seconds` for it; False when another process keeps it."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.1)
        else:
            return True


def _already_running(world: World, lock: TextIO, port: int | None) -> int:
    """Show the demo that another process runs, once it is ready; its start may have begun this very moment."""
    deadline = time.monotonic() + _READY_SECONDS
    while not (facts := read_secret(world.demo_json)):
        if _locked(lock, seconds=0.2):
            raise DevtoolsError("another start of the demo ended before it was ready; start it again")
        if time.monotonic() > deadline:
            raise DevtoolsError("another start of the demo is not ready yet; ask again in a moment")
    if port is not None and not facts["web"].endswith(f":{port}"):
        raise DevtoolsError(f"a demo runs at {facts['web']}; ./dev stop first to start it on port {port}")
    _say("the demo is running already")
    _show(facts)
    return 0


def _serve(world: World, args: argparse.Namespace, ready: Callable[[], None]) -> int:
    _discard_half_seeded(world)
    chosen = _choose_ports(world, args.port)
    was_ready = False
    try:
        extra = seed.demo_environment(chosen["site"])
        begin = None if world.people_file.exists() else _begin_in_the_past
        with (
            _ending_on_signals(),
            stack.running(world, chosen, _say, extra=extra, prepared=begin, with_shops=True) as running,
        ):
            people = _seed_once(world, running, args.scale)
            facts = {**running.facts(), "supervisor_pid": os.getpid(), **people}
            write_secret(world.demo_json, facts)

            def rewrite() -> None:
                write_secret(world.demo_json, {**facts, "processes": running.facts()["processes"]})

            running.supervisor.changed = rewrite
            _show(facts)
            _say("stop it with Ctrl-C or ./dev stop")
            ready()
            was_ready = True
            running.supervisor.stop_asked.wait()
            running.supervisor.changed = lambda: None
    except KeyboardInterrupt:
        _say("\nstopped")
    finally:
        world.demo_json.unlink(missing_ok=True)
    return 0 if was_ready else 1


def _begin_in_the_past(running: stack.Stack) -> None:
    business_time.begin(running.facts(), -seed.PAST_DAYS * 86_400)


def _choose_ports(world: World, port: int | None) -> dict[str, int]:
    wanted = stack.WANTED_PORTS | read_secret(world.ports_file)
    chosen = ports.choose(wanted, fixed=None if port is None else {"web": port})
    write_secret(world.ports_file, chosen)
    return chosen


def _seed_once(world: World, running: stack.Stack, scale: int) -> dict[str, Any]:
    """Return the logins and keys of the demo, made by the seeder at the first start."""
    known = read_secret(world.people_file)
    if known:
        return known
    world.seeding_mark.touch(mode=0o600)
    write_secret(world.running_file, {**running.facts(), "ports": dict(running.addresses.ports)})
    people = seed.seed(world, _say, scale)
    write_secret(world.people_file, people)
    world.seeding_mark.unlink()
    return people


def _discard_half_seeded(world: World) -> None:
    """Start from empty when the first start was interrupted while it seeded."""
    if world.seeding_mark.exists() and not world.people_file.exists():
        _say("the first start was interrupted while seeding; starting again from empty")
        world.wipe()
        world.prepare()


def _show(facts: dict[str, Any]) -> None:
    lines = [f"  {name:<8}{facts[name]}" for name in ("web", "edge", "sandbox", "mail", "site")]
    lines += [f"          {facts['site']}/{shop.host}/" for shop in SHOPS]
    lines += [
        f"  {login['role']:<11}{login['email']:<34}{login['password']}" for login in facts.get("logins", [])
    ]
    _say("\n".join(lines))


@contextlib.contextmanager
def _ending_on_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP do what Ctrl-C does, and Ctrl-C also where a shell made its background jobs deaf to it."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {
        number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_everything(world: World, *, quiet: bool = False) -> None:
    """End the demo and whatever a crash of it left behind. Raises DevtoolsError when it does not end."""
    supervisor = orphans.running_supervisor(world)
    if supervisor is not None:
        try:
            control.ask(world, {"do": "shutdown"})
        except DevtoolsError:
            # It is only just on its way up, or already on its way down.
            supervisor.send(signal.SIGTERM)
        if not world.demo_json.exists():
            # It is still starting or seeding and asks nobody whether to go on.
            supervisor.send(signal.SIGTERM)
        if not supervisor.wait_until_gone(_STOP_SECONDS):
            raise DevtoolsError(f"the supervisor (pid {supervisor.pid}) does not end; its log: {world.logs}")
    left = orphans.end_survivors(world)
    world.demo_json.unlink(missing_ok=True)
    if not quiet:
        what = "stopped" if supervisor is not None else "nothing was running"
        _say(f"{what}; ended {left} processes that a crash had left" if left else what)


def stop(args: argparse.Namespace) -> int:
    """Stop one service on purpose (args: service, kill), or everything when none is named."""
    world = World.demo()
    if args.service is None:
        if args.kill:
            raise DevtoolsError("--kill is for one service: ./dev stop SERVICE --kill")
        stop_everything(world)
        return 0
    control.ask(world, {"do": "stop", "name": args.service, "kill": args.kill})
    _say(f"{args.service} is down and stays down until: ./dev start {args.service}")
    return 0


def start(args: argparse.Namespace) -> int:
    """Start a service that was stopped on purpose (args: service)."""
    control.ask(World.demo(), {"do": "start", "name": args.service})
    _say(f"{args.service} is up")
    return 0
