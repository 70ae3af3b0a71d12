"""`./dev shots`: a picture of every page in every state, and a sheet of them for each role."""

import argparse
import subprocess
import sys

from marketplace.devtools import browser
from marketplace.devtools.state import PROJECT

FOLDER = PROJECT / ".dev" / "shots"


def run(args: argparse.Namespace) -> int:
    """Shoot the pages of the running demo, or of a world of its own (args: word, only pages with it in their name).

    Returns 1 when a page could not be shot. Raises NotPossibleHere without Chromium.
    """
    browser.needed_chromium()
    argv = [sys.executable, "-m", "tests.browser.shooting", str(FOLDER), *([args.word] if args.word else [])]
    return 1 if subprocess.run(argv, cwd=PROJECT, check=False).returncode else 0
