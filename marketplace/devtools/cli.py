"""The command line of `./dev` and `aanrader`: exit codes 0 ok, 1 failed, 2 usage, 3 not possible here.

Each command is a module that is loaded only when it is called, so that none pays for another's imports.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from marketplace.devtools.errors import DevtoolsError

PROJECT = Path(__file__).resolve().parents[2]
SERVICES = ("postgres", "valkey", "sandbox", "web", "edge", "worker", "shipper", "mail", "site")
# Everything behind these words belongs to the command, options too.
_PASSED_THROUGH = ("test", "bench", "run")


def _scale(text: str) -> int:
    """Return a scale of 1 to 100. Raises ValueError, which argparse tells."""
    scale = int(text)
    if not 1 <= scale <= 100:
        raise ValueError(text)
    return scale


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev",
        description="Aanrader's workshop.",
        epilog="Exit codes: 0 ok, 1 failed, 2 usage, 3 not possible here.",
    )
    parser.add_argument("--called-from", type=Path, default=Path.cwd(), help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="start everything, seeded, and print addresses and logins")
    demo.add_argument("--reset", action="store_true", help="throw the demo's data away first")
    demo.add_argument("--detach", action="store_true", help="go on in the background once it is ready")
    demo.add_argument("--port", type=int, metavar="N", help="the web port; an error when it is taken")
    demo.add_argument(
        "--scale",
        type=_scale,
        default=1,
        metavar="N",
        help="N times the shoppers and orders, at the first start",
    )

    stop = commands.add_parser("stop", help="stop the demo, or one service on purpose")
    stop.add_argument("service", nargs="?", choices=SERVICES, metavar="SERVICE", help=", ".join(SERVICES))
    stop.add_argument("--kill", action="store_true", help="as a crash would (kill -9)")

    start = commands.add_parser("start", help="start a service that was stopped")
    start.add_argument("service", choices=SERVICES, metavar="SERVICE", help=", ".join(SERVICES))

    clock = commands.add_parser("clock", help="show or move business time and the sandbox's clock")
    clock.add_argument("to", nargs="?", default="show", metavar="show|+3d|DATE")

    drain = commands.add_parser("drain", help="wait until nothing is due; 1 names what is")
    drain.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS")

    journey = commands.add_parser("journey", help="the main job over HTTP on servers of its own, to 0.00")
    journey.add_argument("--feed", type=Path, metavar="FILE", help="a Google Merchant feed: RSS, Atom or TSV")
    journey.add_argument("--json", action="store_true", help="a JSON line per hop")

    facts = commands.add_parser(
        "facts", help="the totals of the demo's world; 1 when docs/demo.md says otherwise"
    )
    facts.add_argument("--write", action="store_true", help="put them into docs/demo.md")

    verify = commands.add_parser("verify", help="every invariant on the running demo or DATABASE_URL")
    verify.add_argument("--json", action="store_true", help="a JSON line per invariant")

    backup = commands.add_parser("backup", help="the database and unshipped clicks into one file")
    backup.add_argument("file", nargs="?", metavar="FILE", help="aanrader-<time>.backup unless named")
    backup.add_argument("--force", action="store_true", help="replace FILE when it exists")
    backup.add_argument("--with-secrets", action="store_true", help="the demo's keys and logins too")

    restore = commands.add_parser(
        "restore", help="put a backup in the database's place; payouts start frozen"
    )
    restore.add_argument("file", metavar="FILE")
    restore.add_argument("--force", action="store_true", help="replace a database that is not empty")

    shots = commands.add_parser("shots", help="pictures of every page in every state, a sheet for each role")
    shots.add_argument("word", nargs="?", default="", metavar="WORD", help="only pages with it in their name")

    commands.add_parser("check", help="ruff, mypy, imports, house rules, dependencies, migrations")
    commands.add_parser("test", help="tests: the fast set, or --all; further arguments go to pytest")
    commands.add_parser("bench", help="benchmarks, all or by name: a JSON line per figure")
    commands.add_parser("run", help="run a process that a room registered: worker, shipper, ...")
    return parser


def _runner(command: str) -> Callable[[argparse.Namespace], int]:
    module, _, function = {
        "demo": "demo:run",
        "stop": "demo:stop",
        "start": "demo:start",
        "clock": "clock_command:run",
        "drain": "drain:run",
        "journey": "journey:run",
        "facts": "facts_command:run",
        "verify": "verify:run",
        "backup": "backup:run",
        "restore": "restore:run",
        "shots": "shots:run",
        "check": "check:run",
        "test": "testing:run",
        "bench": "bench_command:run",
        "run": "registered:run",
    }[command].partition(":")
    found: Callable[[argparse.Namespace], int] = getattr(
        importlib.import_module(f"marketplace.devtools.{module}"), function
    )
    return found


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = _parser()
    at = next((index for index, word in enumerate(argv) if word in _PASSED_THROUGH), None)
    # Only a command in the command's place passes its arguments through, not a file of that name.
    if at is not None and at == (2 if argv[:1] == ["--called-from"] else 0):
        args = parser.parse_args(argv[: at + 1])
        args.rest = argv[at + 1 :]
        return args
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; argparse itself exits with 2 on a wrong use."""
    args = _parse(list(sys.argv[1:] if argv is None else argv))
    feed = getattr(args, "feed", None)
    if feed is not None:
        args.feed = (args.called_from / feed).resolve()
    os.chdir(PROJECT)
    try:
        return _runner(args.command)(args)
    except DevtoolsError as error:
        print(f"aanrader: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
