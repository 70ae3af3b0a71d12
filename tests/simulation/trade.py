"""What shoppers and shops do: clicks, orders, returns and verdicts. Each step tells the model too."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from tests.simulation.acting import MINUTE, Draw, a_shop, an_order, expect, money, shop_of, survive
from tests.simulation.environment import Time
from tests.simulation.furniture import EDGES, MEMBERS, PLANS
from tests.simulation.model import Order
from tests.simulation.records import Touch
from tests.simulation.world import World
from tracking.commissions import approval, intake
from tracking.orders.schemas import CancelReport, LinesReport, OrderReport, RefundReport
from tracking.touches import shipper, tokens

NETS = {
    "EUR": (3, 101, 2_999, 14_999, 30_005, 80_000, 80_000, 125_000),
    "JPY": (1, 77, 980, 12_345),
    "KWD": (5, 1_230, 98_765),
}
VERDICTS = ("qualified",) * 12 + ("bot", "head", "paused")


def click(world: World, draw: Draw) -> str:
    """Somebody follows a link: a line in the edge's segment, and a token in the address."""
    shop = a_shop(draw)
    adviser, verdict = draw.choice(MEMBERS[shop]), draw.choice(VERDICTS)
    visitor = draw.choice((None, "v1", "v2", "v3", "v4"))
    click_id, ms, link = Time.next_id(), int(Time.now.timestamp() * 1000), world.made.links[shop, adviser]
    digits = None if visitor is None else f"{int(visitor[1:]):032x}"
    line = (
        click_id.hex,
        str(ms),
        link.hex,
        verdict,
        f"{draw.randrange(9):032x}",
        digits or "\\N",
        "\\N",
        "\\N",
        "test",
    )
    touch = Touch(Time.now, click_id.int, shop, adviser, visitor, verdict)
    if draw.random() < 0.8:
        mark = bytes.fromhex(digits) if digits else None
        world.touches.append(
            (shop, tokens.sign(world.here.settings.token_keys, link, click_id, Time.now, mark), touch)
        )
    edge = draw.choice(("near", "near", "far"))
    world.write(edge, "\t".join(line).encode() + b"\n")
    world.spool.append((edge, shop, touch))
    return f"{edge} {shop} {adviser} {verdict} {visitor}"


def leave_or_return(world: World, _draw: Draw) -> str:
    """The far edge loses touch with us, and goes on redirecting; or it is back with everything it wrote."""
    is_here = (world.segments / "far").exists()
    source, target = (world.segments, world.away) if is_here else (world.away, world.segments)
    (source / "far").rename(target / "far")
    return "away" if is_here else "back"


def ship(world: World, _draw: Draw) -> str:
    """The shipper brings the clicks in; the edge says that these were all."""
    near = [edge for edge in EDGES if (world.segments / edge).exists()]
    for edge in near:
        world.beat(edge)

    def work() -> None:
        connection = shipper.connect(world.here.dsn("aanrader_worker"))
        try:
            shipper.ship_all(connection, world.segments)
        finally:
            connection.close()

    survive(work)
    shipped = [(shop, touch) for edge, shop, touch in world.spool if edge in near]
    world.clicks += [uuid.UUID(int=touch.id) for _, touch in shipped]
    world.model.clicks |= {touch.id: touch for _, touch in shipped}
    for edge in near:
        world.model.marks[edge], world.heard[edge] = Time.now - dt.timedelta(milliseconds=1), Time.now
    world.spool = [one for one in world.spool if one[0] not in near]
    return f"{len(shipped)} clicks of {near}"


def a_line(draw: Draw, ref: str, currency: str) -> dict[str, Any]:
    """Draw a line of an order."""
    net = draw.choice(NETS[currency])
    return {
        "line_ref": ref, "sku": f"sku-{draw.randint(1, 4)}", "title": "A thing", "quantity": draw.randint(1, 4),
        "net": money(net, currency), "tax": money(net * 21 // 100, currency), "gift_card": draw.random() < 0.05,
    }  # fmt: skip


def model_lines(lines: list[dict[str, Any]], read: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return lines as the model keeps them; `read` are the same with amounts in minor units."""
    return {
        one["line_ref"]: {
            "sku": one["sku"], "qty": one["quantity"], "net": got["net"].minor, "tax": got["tax"].minor,
            "gift": one["gift_card"],
        }
        for one, got in zip(lines, read, strict=True)
    }  # fmt: skip


def order(world: World, draw: Draw) -> str:
    """A shop reports a sale, rather one of which something came back already."""
    awaited = [name for name in PLANS if ("live", f"{name}-{world.numbers[name] + 1}") in world.model.early]
    name = draw.choice(awaited) if awaited and draw.random() < 0.6 else a_shop(draw)
    shop, currency = world.model.shops[name], PLANS[name].currency
    world.numbers[name] += 1
    ref, mode = f"{name}-{world.numbers[name]}", "test" if draw.random() < 0.04 and not awaited else "live"
    mine = [one for one in world.touches[-60:] if one[0] == name]
    chosen = draw.sample(mine[-12:], min(len(mine[-12:]), draw.choice((0, 1, 1, 1, 2, 2, 3))))
    strange = [one for one in world.touches[-10:] if one[0] != name][: draw.randrange(2)]
    ordered = Time.now - draw.choice((0, 0, 0, 0, 1, 300, 5_000)) * MINUTE
    shipping = draw.choice((0, 0, 0, 495))
    body: dict[str, Any] = {
        "order_ref": ref, "ordered_at": ordered.isoformat(), "currency": currency,
        "click_tokens": [one[1] for one in (*chosen, *strange)] + ["nonsense"] * draw.randrange(2),
        "code": draw.choice((None,) * 6 + (f"code-{draw.choice(MEMBERS[name])}", "NO-SUCH")),
        "customer": draw.choice((None, None, {"ref": f"c{draw.randrange(6)}"})),
        "lines": [a_line(draw, str(n), currency) for n in range(draw.randint(1, 3))],
        "shipping": {"net": money(shipping, currency), "tax": money(shipping // 5, currency)} if shipping else None,
    }  # fmt: skip
    data, now = OrderReport().load(body), Time.now
    send = report(world, name, lambda s, shop_id, _ref: intake.report_order(s, shop_id, mode, data, now))
    expect(survive(send), True, f"order {ref}")
    customer = body["customer"]["ref"] if body["customer"] else None
    lines = model_lines(body["lines"], data["lines"])
    held = {one[2].id: one[2] for one in chosen}
    code = body["code"].upper() if body["code"] else None
    lines["shipping"] = {"sku": "", "qty": 0, "net": shipping, "tax": shipping // 5, "gift": False}
    sale = (ordered, now, lines, held, customer, code)
    world.model.report(Order(shop, ref, mode, *sale))
    return f"{ref} {mode} {len(chosen)} tokens {code} {customer}"


def report(
    world: World, name: str, work: Callable[..., Any], ref: str = "", mode: str = "live"
) -> Callable[[], Any]:
    """Return a request of a shop that may be sent again; it is remembered for later repeats."""

    def send() -> Any:
        shop_id = world.made.shop_ids[name]
        return world.act(
            world.made.owners[name], lambda s: work(s, shop_id, (shop_id, mode, ref)), "orders.report"
        )

    world.sent = [*world.sent[-15:], send]
    return send


def repeat(world: World, draw: Draw) -> str:
    """A shop sends a request again, because it heard no answer; nothing may change."""
    if world.sent:
        survive(draw.choice(world.sent))
    return ""


def lines(world: World, draw: Draw) -> str:
    """A shop adds lines to an order."""
    found = an_order(world, draw)
    if found is None:
        return ""
    name = shop_of(world, found)
    world.numbers["lines"] += 1
    body = [a_line(draw, f"x{world.numbers['lines']}", PLANS[name].currency)]
    data, now = LinesReport().load({"lines": body}), Time.now
    send = report(
        world, name, lambda s, _id, place: intake.add_lines(s, place, data, now), found.ref, found.mode
    )
    expect(survive(send), found.state != "final", f"lines of {found.ref}")
    if found.state != "final":
        world.model.add(found, model_lines(body, data["lines"]))
    return found.ref


def early(world: World, draw: Draw) -> str:
    """A shop tells of something that came back before it tells of the order."""
    return refund(world, draw, is_early=True)


def refund(world: World, draw: Draw, *, is_early: bool = False) -> str:
    """A customer sends something back."""
    found, name = an_order(world, draw), a_shop(draw)
    if found is None or is_early:
        ref, mode, left = (
            f"{name}-{world.numbers[name] + 1}",
            "live",
            {"0": {"qty": 1, "net": draw.choice(NETS[PLANS[name].currency])}},
        )
        found = None
    else:
        name, ref, mode, left = shop_of(world, found), found.ref, found.mode, found.left.copy()
        del left["shipping"]
    currency, parts = PLANS[name].currency, {}
    for line_ref in draw.sample(sorted(left), min(len(left), draw.randint(1, 2))):
        line = left[line_ref]
        net = draw.choice((line["net"], line["net"], line["net"] // 3, min(line["net"], 40), line["net"] + 1))
        parts[line_ref] = {"qty": draw.randint(0, line["qty"] + (draw.random() < 0.05)), "net": net}
    if not any(part["qty"] or part["net"] for part in parts.values()):
        return "nothing"
    world.numbers["refund"] += 1
    back = min(found.left["shipping"]["net"], draw.choice((0, 0, 0, 200))) if found else 0
    happened = Time.now - draw.randrange(60) * MINUTE
    body = {
        "refund_ref": f"r{world.numbers['refund']}", "refunded_at": happened.isoformat(), "reason": "back",
        "lines": [
            {"line_ref": line_ref, "quantity": part["qty"], "net": money(part["net"], currency)}
            for line_ref, part in parts.items()
        ],
        "shipping": {"net": money(back, currency)} if back else None,
    }  # fmt: skip
    data, now, shown = RefundReport().load(body), Time.now, dict(parts)
    shown |= {"shipping": {"qty": 0, "net": back}} if back else {}
    said = survive(report(world, name, lambda s, _, at: intake.refund(s, at, "refund", data, now), ref, mode))
    return returned(world, (mode, ref), happened, said, shown)


def returned(world: World, place: tuple[str, str], happened: Any, said: object, shown: Any) -> str:
    """Tell the model of a refund or (None) a cancellation."""
    model = world.model
    found = model.orders.get(place)
    fits = found is None or model.give_back(found, shown)
    expect(said, fits, f"return of {place[1]}")
    if found is None:
        model.early.setdefault(place, []).append((happened, Time.now, shown))
    return f"{place[1]} {'waits' if found is None else fits}"


def cancel(world: World, draw: Draw) -> str:
    """A shop cancels a whole order; a second time is a repeat."""
    found, name = an_order(world, draw), a_shop(draw)
    ref, mode = (found.ref, found.mode) if found else (f"{name}-{world.numbers[name] + 1}", "live")
    name = shop_of(world, found) if found else name
    data, now = CancelReport().load({}), Time.now
    said = survive(report(world, name, lambda s, _, at: intake.refund(s, at, "cancel", data, now), ref, mode))
    if (mode, ref) in world.cancelled:
        return f"{ref} again"
    world.cancelled.add((mode, ref))
    return returned(world, (mode, ref), now, said, None)


def verdict(world: World, draw: Draw) -> str:
    """A shop approves early, or declines."""
    known = [one for one in world.model.commissions if one.state != "reversed"]
    open_ = [found for found in known if found.state == "pending"]
    known = open_[-8:] if open_ and draw.random() < 0.9 else known
    if not known:
        return ""
    one = draw.choice(known)
    kind, actor, now = (
        draw.choice(("approved",) * 5 + ("declined",)),
        world.made.owners[one.order.shop.name],
        Time.now,
    )
    found = world.commission_ids[one.order.shop.name, one.order.mode, one.order.ref, one.adviser]
    was = one.state

    def work() -> Any:
        if kind == "approved":
            return world.act(actor, lambda s: approval.approve(s, actor, found, now), "commissions.approve")
        return world.act(
            actor, lambda s: approval.decline(s, actor, found, "other", "", now), "commissions.decline"
        )

    expect(survive(work), world.model.verdict(one, kind) or was == kind, f"{kind} {one.order.ref} {was}")
    return f"{kind} {one.order.ref} {one.adviser}"
