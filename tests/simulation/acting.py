"""How a step acts: it survives the death of the process, and what it was told is held against the model."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Any

from marketplace.core import db, failpoints
from marketplace.core.errors import AppError
from tests.simulation.environment import Crash
from tests.simulation.furniture import PLANS, amount_text
from tests.simulation.model import Order
from tests.simulation.world import World

Draw = random.Random
MINUTE = dt.timedelta(minutes=1)


class Broken(AssertionError):
    """The product did something else than the model, or broke a promise."""


def survive(work: Callable[[], Any]) -> Any:
    """Do something; when the process dies in it, restart and do it again. Returns a refusal instead of raising it."""
    for _ in range(2):
        try:
            return work()
        except failpoints.Reached:
            db.close_reading_sessions()
        except AppError as error:
            return error
        finally:
            Crash.left = 0
    raise Broken("the second try died too")


def expect(said: object, is_right: bool, what: str) -> None:
    """Hold what the product answered against what the model foretold."""
    refused = isinstance(said, AppError)
    if refused == is_right:
        raise Broken(f"{what}: the model {'allows' if is_right else 'refuses'} it, the product says {said!r}")


def money(minor: int, currency: str) -> dict[str, str]:
    """Return an amount as the API writes it."""
    return {"amount": amount_text(minor, currency), "currency": currency}


def a_shop(draw: Draw, *names: str) -> str:
    """Draw a shop, the first of the plans most often."""
    return draw.choices(names or tuple(PLANS), (6, 3, 1, 1)[: len(names) or 4])[0]


def an_order(world: World, draw: Draw) -> Order | None:
    """Draw one of the latest orders, often one that earned something."""
    if draw.random() < 0.6 and world.model.commissions:
        return draw.choice(world.model.commissions[-20:]).order
    by_shop = [one for name in PLANS for one in world.model.orders.values() if one.shop.name == name]
    return draw.choice(by_shop[-25:] or [None])


def shop_of(world: World, order: Order) -> str:
    """Return whose order it is."""
    return order.shop.name


def sweep(world: World, name: str, work: Callable[[], int]) -> str:
    """Run a sweep as the worker; it may be killed and is run again then."""

    def as_worker() -> int:
        world.here.play("worker")
        return work()

    answer = survive(as_worker)
    return f"{answer.code if isinstance(answer, AppError) else ''}"


def others(*work: Callable[[], int]) -> Callable[[World, Draw], str]:
    """Return a step that runs sweeps whose effects are observed."""

    def step(world: World, _draw: Draw) -> str:
        return " ".join(sweep(world, one.__name__, one) for one in work)

    return step
