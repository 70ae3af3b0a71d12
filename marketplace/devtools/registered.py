"""`./dev run NAME`: a process or command that a room registered in core.hooks, on the environment's settings."""

import argparse
import importlib

from marketplace.core import hooks, logs
from marketplace.devtools.errors import DevtoolsError


def run(args: argparse.Namespace) -> int:
    """Let wsgi register every room, and run the command (args.rest: name and its arguments)."""
    logs.configure()
    importlib.import_module("wsgi").register(args.rest[0] if args.rest else None)
    if not args.rest or args.rest[0] not in hooks.commands:
        raise DevtoolsError(f"there are these to run: {', '.join(sorted(hooks.commands)) or 'none'}")
    name, *rest = args.rest
    return hooks.commands[name](rest)
