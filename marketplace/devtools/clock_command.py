"""`./dev clock`: show or move business time of the running demo."""

from __future__ import annotations

import argparse
import datetime as dt

from marketplace.core import clock
from marketplace.devtools import business_time
from marketplace.devtools.demo_facts import facts_of_running_demo


def run(args: argparse.Namespace) -> int:
    """Show the clock, or move it to args.to (a step such as +3d, or a date) and wait until all processes follow."""
    facts = facts_of_running_demo()
    offset = business_time.offset_now(facts)
    if args.to != "show":
        wall = clock.wall()
        instant = business_time.wanted(args.to, wall + dt.timedelta(seconds=offset))
        offset = max(offset, round((instant - wall).total_seconds()))
        business_time.set_offset(facts, offset)
    print(f"business time {clock.wall() + dt.timedelta(seconds=offset):%Y-%m-%d %H:%M:%S} UTC")
    for name, seen in sorted(business_time.report(facts).items()):
        print(f"  {name:<10}{clock.wall() + dt.timedelta(seconds=seen):%Y-%m-%d %H:%M:%S}")
    return 0
