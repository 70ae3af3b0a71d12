"""`./dev run NAME`: a process or command that a room registered in core.hooks, on the environment's settings.

Several commands, with `--` between them, are run one after the other in one process, up to the first that fails.
"""

import argparse
import importlib
from collections.abc import Sequence

from marketplace.core import hooks, logs
from marketplace.devtools.errors import DevtoolsError


def run(args: argparse.Namespace) -> int:
    """Let wsgi register every room, and run the commands (args.rest: name and its arguments, `--`, the next)."""
    logs.configure()
    code = 0
    for words in _commands(args.rest):
        importlib.import_module("wsgi").register(words[0] if words else None)
        if not words or words[0] not in hooks.commands:
            raise DevtoolsError(f"there are these to run: {', '.join(sorted(hooks.commands)) or 'none'}")
        name, *rest = words
        code = hooks.commands[name](rest)
        if code:
            break
    return code


def _commands(words: Sequence[str]) -> list[list[str]]:
    """Return the words of each command; without any word one empty command."""
    commands: list[list[str]] = [[]]
    for word in words:
        if word == "--":
            commands.append([])
        else:
            commands[-1].append(word)
    return commands
