"""The demo's world for whoever looks at its pages: the running demo, or one of its own that goes away again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from marketplace.devtools import business_time, ports, seed, stack
from marketplace.devtools.environment import Addresses, service_environment
from marketplace.devtools.secret_file import read_secret, write_secret
from marketplace.devtools.state import World


@contextlib.contextmanager
def demo_or_own(say: Callable[[str], None]) -> Iterator[tuple[World, dict[str, Any]]]:
    """Give a played world and its facts as they stand in demo.json; without a running demo one is played first."""
    demo = World.demo()
    if facts := read_secret(demo.demo_json):
        yield demo, facts
        return
    say("no demo runs; playing its world on servers of its own, which takes minutes")
    with World.throwaway("pages") as world:
        base = 40_000 + os.getpid() % 1_000 * 10
        chosen = ports.choose({name: base + at for at, name in enumerate(stack.WANTED_PORTS)})
        extra = seed.demo_environment(chosen["site"])
        with stack.running(
            world, chosen, say, extra=extra, prepared=_begin_in_the_past, with_shops=True
        ) as running:
            write_secret(world.running_file, {**running.facts(), "ports": chosen})
            yield world, {**running.facts(), **seed.seed(world, say)}


def _begin_in_the_past(running: stack.Stack) -> None:
    business_time.begin(running.facts(), -seed.PAST_DAYS * 86_400)


def another_web(world: World, facts: Mapping[str, Any], port: int) -> dict[str, str]:
    """Return the environment of one more web process on a running world, answering at another port."""
    known = {name: int(str(facts[name]).rpartition(":")[2]) for name in ("edge", "sandbox", "mail")}
    smtp = read_secret(world.ports_file).get("smtp", known["mail"])
    addresses = Addresses(
        {**known, "smtp": smtp, "web": port},
        str(facts["admin_database_url"]).replace("postgresql://", "postgresql+psycopg://", 1),
        str(facts["redis_url"]),
    )
    return service_environment("web", world, addresses, mode="demo", extra={})
