"""Debian's Chromium, which tests, benches and shots of the screens need and no Python package brings."""

import shutil

from marketplace.devtools.errors import NotPossibleHere

INSTALL = "apt-get install -y chromium"
# It runs as root too, speaks to loopback only, and does nothing of its own accord.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars",
]  # fmt: skip


def chromium() -> str | None:
    """Return the browser's path, or None when it is not installed."""
    return shutil.which("chromium")


def needed_chromium() -> str:
    """Return the browser's path. Raises NotPossibleHere with the line that installs it."""
    found = chromium()
    if found is None:
        raise NotPossibleHere(f"this needs Chromium; install it with: {INSTALL}")
    return found
