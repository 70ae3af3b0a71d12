"""Seeding of the demo: its world is played over HTTP like everything else, beginning ninety days in the past."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

from marketplace.devtools import environment
from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.secret_file import read_secret
from marketplace.devtools.state import World
from marketplace.devtools.world import pictured
from marketplace.devtools.world.plan import plan
from marketplace.devtools.world.play import play
from marketplace.devtools.world.site import hosts_setting
from marketplace.devtools.world.site_control import Control
from marketplace.devtools.world.story import DAYS

# The past that the seed plays: it ends now and never passes it.
PAST_DAYS = DAYS


def demo_environment(site_port: int) -> dict[str, str]:
    """Return what the demo's services must know so that the shops' hosts are found on this machine."""
    return {"AANRADER_FETCH_HOSTS": hosts_setting(site_port)}


def seed(world: World, say: Callable[[str], None], scale: int = 1) -> dict[str, Any]:
    """Fill an empty running world and return its logins and API keys, as they stand in demo.json.

    world: its running_file names the addresses; scale: so many times the shoppers, clicks and orders. Raises
    DevtoolsError when a step does not come out as promised.
    """
    facts = read_secret(world.running_file)
    people = play(facts, plan(scale=scale), _runner(world, facts), Control(world.site_file), say)
    if left := pictured.wait(facts):
        say(f"  {left} pictures of products are still being drawn")
    return people


def _runner(world: World, facts: dict[str, Any]) -> Callable[..., str]:
    """Return a function that runs a python command as whoever runs the machine."""
    known = environment.secrets_of(world)
    own = environment.base_environment() | {
        "AANRADER_MODE": "demo",
        "DATABASE_URL": environment.as_role(
            facts["admin_database_url"], "aanrader_worker", known["password_worker"]
        ),
        "AANRADER_SECRET_KEY": known["secret_key"],
        "AANRADER_TOKEN_KEYS": f"1:{known['token_key']}",
        "REDIS_URL": facts["redis_url"],
    }

    def run(*argv: str) -> str:
        done = subprocess.run(
            [sys.executable, *argv], env=own, cwd=world.project, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise DevtoolsError(f"python {' '.join(argv[:5])} failed: {(done.stdout + done.stderr)[-1500:]}")
        return done.stdout

    return run
