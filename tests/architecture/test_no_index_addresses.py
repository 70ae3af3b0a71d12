"""No tracked file names a package index, a path of somebody's machine, or holds what looks like a live key."""

import re
import subprocess

import pytest

from marketplace.devtools.state import PROJECT

# Written in pieces, so that this file doesn't name what it forbids.
FORBIDDEN = {
    "a package index": r"py" r"pi\.|python" r"hosted|npm" r"js\.|deb\." r"debian|--(extra-)?index" r"-url",
    "a path of a machine": r"(?<![\w.])/(wo" r"rk|ho" r"me)/\w+/|/ro" r"ot/\.",
    "a live key": r"sk_" r"live_[0-9A-Za-z]{10,}|BEGIN (RSA |EC )?PRIVATE" r" KEY",
}


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    return [name for name in listed.split("\0") if name]


def lines_with(pattern: str) -> list[str]:
    found = []
    for name in tracked():
        path = PROJECT / name
        if not path.is_file() or path.is_symlink():
            continue
        content = path.read_bytes()
        if b"\0" in content[:8000]:
            continue
        for number, line in enumerate(content.decode("utf-8", errors="replace").splitlines(), 1):
            if re.search(pattern, line):
                found.append(f"{name}:{number}: {line.strip()[:120]}")
    return found


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_tracked_file_names(what):
    assert lines_with(FORBIDDEN[what]) == []


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("a package index", "url = https://py" + "pi.org/simple"),
        ("a package index", "--extra-index" + "-url somewhere"),
        ("a path of a machine", "open('/wo" + "rk/main/x')"),
        ("a live key", "key = 'sk_" + "live_0123456789abcdef'"),
    ],
)
def test_a_planted_line_is_seen(what, line):
    assert re.search(FORBIDDEN[what], line)


def test_every_line_of_the_lock_files_is_hashed_and_names_no_place():
    for name in ("run", "test", "spec"):
        text = (PROJECT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
        assert "://" not in text
        pinned = re.findall(r"^[a-z0-9][^\n=]*==[^\n]*", text, re.MULTILINE | re.IGNORECASE)
        assert pinned
        assert all(line.endswith("\\") for line in pinned)


def test_the_demo_state_and_the_environment_are_not_tracked():
    assert not [name for name in tracked() if name.startswith((".venv/", ".dev/"))]
