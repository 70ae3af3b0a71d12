"""Without a browser nobody is left to believe that the screens were tested."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.browser.conftest import without_browser

CI = Path(__file__).resolve().parents[2] / ".ci" / "run"


def test_a_missing_browser_skips_with_the_line_that_installs_it():
    with pytest.raises(pytest.skip.Exception, match="apt-get install -y chromium"):
        without_browser({})


def test_a_missing_browser_fails_in_ci():
    with pytest.raises(pytest.fail.Exception, match="NO BROWSER"):
        without_browser({"CI": "true"})


def test_ci_as_a_plain_user_without_a_browser_ends_with_3_and_the_line(tmp_path):
    for name, text in {"id": "echo 1000", "dirname": '/usr/bin/dirname "$@"'}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["/bin/bash", str(CI)], env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 3
    assert "apt-get install -y chromium" in done.stderr
