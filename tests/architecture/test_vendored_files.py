"""What others made and we ship is what it says it is."""

import hashlib
import tomllib
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[2] / "static" / "vendor"


def test_vendored_files_have_the_hash_that_is_written_down():
    listed = tomllib.loads((VENDOR / "vendor.toml").read_text())["vendored"]
    for one in listed:
        file = VENDOR / one["file"]
        assert hashlib.sha256(file.read_bytes()).hexdigest() == one["sha256"], one["name"]
        assert (file.parent / "LICENSE").exists(), one["name"]


def test_nothing_is_vendored_without_being_written_down():
    listed = {one["file"] for one in tomllib.loads((VENDOR / "vendor.toml").read_text())["vendored"]}
    found = {str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*") if path.is_file()}
    assert {path for path in found if not path.endswith(("LICENSE", "vendor.toml"))} == listed
