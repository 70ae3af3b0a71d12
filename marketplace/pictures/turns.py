"""Turns of fetching product pictures: bounded, polite, and in a thread of their own.

Pictures are not due at business now: nobody's money waits for them. So they are no lag, `./dev drain` doesn't wait for
them, and moving business time fetches nothing. Sweeps of other rooms don't wait either: strangers' servers and decoders
are slow, so the sweep only begins a turn, unless one is under way.
"""

from __future__ import annotations

import threading
import time

import structlog

from marketplace.core import clock, config, fetch, jobs
from marketplace.core.config import Settings
from marketplace.core.db import transaction
from marketplace.pictures import fetching, service
from marketplace.pictures.drawing import Drawer

log = structlog.get_logger(__name__)
MOST_OF_A_TURN = 50
# Between two pictures of one host; our own machine, in demo and test, is asked at once.
PACE = 1.0
_under_way = threading.Lock()


def register() -> None:
    """Register the sweeps; safe to call twice."""
    jobs.sweep("product_pictures", every=30)(begin)
    jobs.sweep("removed_pictures", every=3600)(forget_removed)


def begin() -> int:
    """Begin a turn when pictures are wanted and none is under way; returns 0, because nothing was done here."""
    with transaction() as session:
        is_wanted = bool(fetching.due(session, clock.wall(), 1))
    if is_wanted and _under_way.acquire(blocking=False):
        threading.Thread(target=_in_thread, name="pictures", daemon=True).start()
    return 0


def _in_thread() -> None:
    try:
        while turn() == MOST_OF_A_TURN:
            # More are wanted: they follow at once, each turn asking anew which.
            pass
    except Exception as error:
        # A thread has nobody to raise to; the next sweep begins again.
        log.error("pictures_failed", error=repr(error), exc_info=True)
    finally:
        _under_way.release()


def turn(most: int = MOST_OF_A_TURN) -> int:
    """Fetch up to `most` wanted pictures, shop by shop; return how many were tried. Safe to run twice and at once."""
    settings, tried = config.current(), 0
    with transaction() as session:
        wanted = fetching.due(session, clock.wall(), most)
    for shop_id in dict.fromkeys(shop for shop, _ in wanted):
        # What one shop's picture might do to a decoder reaches no picture of another shop.
        with Drawer() as drawer:
            for product_id in [product for shop, product in wanted if shop == shop_id]:
                with transaction() as session:
                    claimed = fetching.claim(session, product_id, clock.wall())
                if claimed is not None:
                    time.sleep(_pace(claimed.url, settings))
                    tried += fetch_one(claimed, settings, drawer)
    return tried


def fetch_one(claimed: fetching.Claim, settings: Settings, drawer: Drawer) -> bool:
    """Fetch, draw and keep one picture; False when its claim went to somebody else meanwhile."""
    data, came = fetching.ask(claimed, settings)
    if came.sha256 is not None:
        with transaction() as session:
            is_known = fetching.known(session, claimed, came)
        if not is_known:
            came = fetching.drawn(data, came, drawer)
    with transaction() as session:
        return fetching.finish(session, claimed, came, clock.wall())


def forget_removed() -> int:
    """Delete the files of pictures that were removed long ago."""
    with transaction() as session:
        return service.forget_removed(session, clock.now())


def _pace(url: str, settings: Settings) -> float:
    return 0.0 if not settings.is_production and fetch.host_of(url) in settings.fetch_hosts else PACE
