"""`./dev test`: the fast tests, or all of them, on both cores."""

import argparse
import subprocess
import sys

from marketplace.devtools import browser

# What pytest's exit codes mean in ours: 1 failed, 2 interrupted, 3 broke itself, 4 wrong use, 5 found no tests.
_EXIT_CODES = {0: 0, 4: 2}

# A module stays on one core; which module begins when is said in tests/conftest.py.
_SPREAD = ("-n", "2", "--dist", "loadscope", "--no-loadscope-reorder")


def run(args: argparse.Namespace) -> int:
    """Run pytest (args.rest: `--all` for the slow tests too, anything else goes to pytest)."""
    rest = [word for word in args.rest if word != "--all"]
    chosen = [] if "--all" in args.rest else ["-m", "not slow"]
    if browser.chromium() is None:
        print(f"dev: without Chromium the screens stay untested; {browser.INSTALL}", file=sys.stderr)
    argv = [sys.executable, "-m", "pytest", *_SPREAD, *chosen, *rest]
    return _EXIT_CODES.get(subprocess.run(argv, check=False).returncode, 1)
