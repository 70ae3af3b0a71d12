"""The main job on servers of its own, as a person starts it: it must end at a difference of 0.00."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
FEED = """id\ttitle\tdescription\tlink\tprice\tavailability
x-1\tTent for two\tLight\thttp://tents.journey-feed.example/tent?x=1&y=2\t219.00 USD\tin_stock
x-2\tStove\tSmall\thttp://tents.journey-feed.example/stove\tfree\tin_stock
x-3\tMug\tTin\thttp://tents.journey-feed.example/mug\t9.99 USD\tin_stock
"""


def journey(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "marketplace.devtools", "journey", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_main_job_on_any_shops_feed_ends_at_zero(tmp_path):
    feed = tmp_path / "feed.tsv"
    feed.write_text(FEED)
    done = journey("--feed", str(feed))
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "reconciliation EUR 0.00"
    assert "USD is ordered as EUR" in done.stdout


@pytest.mark.slow
def test_main_job_tells_every_hop_as_json():
    done = journey("--json")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    *hops, last = done.stdout.splitlines()
    assert last == "reconciliation EUR 0.00"
    names = [json.loads(hop)["name"] for hop in hops]
    for name in (
        "shop",
        "feed",
        "offer",
        "link",
        "click",
        "order",
        "refund",
        "commission",
        "approval",
        "transfer",
        "bank",
    ):
        assert name in names
