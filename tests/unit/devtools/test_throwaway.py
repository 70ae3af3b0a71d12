"""Folders of throw-away servers: what a killed run left goes, and what somebody lives in stays."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from marketplace.devtools import throwaway


@pytest.fixture
def nobodys_pid():
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    return gone.pid


def test_a_folder_that_a_killed_run_left_is_removed(tmp_path, nobodys_pid):
    with throwaway.throwaway_folder(tmp_path) as lived_in:
        left = lived_in.rename(lived_in.with_name(f"aan-t-{nobodys_pid}-left"))
    throwaway.remove_leftovers(left.parent)
    assert not left.exists()


def test_a_folder_whose_process_counts_elsewhere_stays_while_somebody_lives_in_it(tmp_path, nobodys_pid):
    with throwaway.throwaway_folder(tmp_path) as folder:
        elsewhere = folder.rename(folder.with_name(f"aan-t-{nobodys_pid}-elsewhere"))
        throwaway.remove_leftovers(elsewhere.parent)
        assert elsewhere.exists()
    throwaway.remove_leftovers(elsewhere.parent)
    assert not elsewhere.exists()


def test_a_folder_that_is_just_being_made_stays(tmp_path, nobodys_pid):
    made = tmp_path / f"aan-t-{nobodys_pid}-made"
    made.mkdir()
    throwaway.remove_leftovers(tmp_path)
    assert made.exists()
    os.utime(made, (0, 0))
    throwaway.remove_leftovers(tmp_path)
    assert not made.exists()
