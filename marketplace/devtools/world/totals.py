"""The facts of the world: totals that must come out, read over HTTP as finance, and written as tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.talk import Caller
from marketplace.devtools.world.advice import counted

BEGIN, END = "<!-- facts: begin -->", "<!-- facts: end -->"
STATES = ("pending", "approved", "declined", "reversed")
PLACES = ("on_hold", "awaiting_shop", "payable", "in_payout", "paid", "in_bank", "recovering")
_NOTHING = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of facts: a title, the names of its columns, and its rows as text."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def written(self) -> str:
        """Return the table as Markdown."""
        lines = [self.header, ("---", *("---:" for _ in self.header[1:])), *self.rows]
        return f"**{self.title}**\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


@dataclass(frozen=True, slots=True)
class Sold:
    """One order as far as the facts need it: winner and commission are none without a winner."""

    shop: str
    channel: str
    winner: str | None
    is_test: bool = False
    state: str | None = None
    commission: Decimal = _NOTHING


def of_demo(demo: Mapping[str, Any], finance: Caller) -> tuple[Table, ...]:
    """Return the facts of a running demo. demo: the content of demo.json; finance: who is signed in as finance."""
    shops = {one["id"]: one["name"] for one in finance.items("shops", limit=100)}
    names = {one["adviser_id"]: one["name"] for one in demo["logins"] if one["adviser_id"]}
    return (
        *sales_tables(_sold(demo, finance, shops, names)),
        disputes_table(
            (one["outcome"] or "open", one["ended_by"] or "") for one in _all(finance, "disputes")
        ),
        _evidence(finance),
        _runs(finance),
        _statements(finance),
        _advisers(finance, names),
        _budgets(finance, shops),
        _books(finance),
        *(Table(*one) for one in counted.tables(finance)),
    )


def sales_tables(sold: Iterable[Sold]) -> tuple[Table, Table, Table]:
    """Return the tables of orders, of commissions by state, and of what stands for each adviser."""
    orders: dict[str, Counter[str]] = defaultdict(Counter)
    states: dict[str, list[Decimal]] = defaultdict(list)
    advisers: dict[str, list[Decimal]] = defaultdict(list)
    for one in sold:
        if one.is_test:
            orders[one.shop]["test"] += 1
            continue
        orders[one.shop].update(("all", one.channel, "kees" if one.winner is None else "stan"))
        if one.winner is not None and one.state is not None:
            states[one.state].append(one.commission)
            advisers[one.winner].append(one.commission)
    counted = ("all", "web", "pos", "stan", "kees", "test")
    total = sum(orders.values(), Counter())
    return (
        Table(
            "Orders",
            ("shop", "orders", "web", "store", "inspired (Stan)", "found (Kees)", "tests"),
            tuple(
                (name, *(str(each[column]) for column in counted))
                for name, each in [*sorted(orders.items()), ("together", total)]
            ),
        ),
        Table(
            "Commissions",
            ("state", "number", "EUR"),
            tuple((state, str(len(states[state])), _text(sum(states[state], _NOTHING))) for state in STATES),
        ),
        Table(
            "What stands for each adviser",
            ("adviser", "commissions", "EUR"),
            tuple(
                (name, str(len(found)), _text(sum(found, _NOTHING)))
                for name, found in sorted(advisers.items())
            ),
        ),
    )


def disputes_table(found: Iterable[tuple[str, str]]) -> Table:
    """Return the table of disputes: for whom they ended, and by whose word or silence."""
    counted = sorted(Counter(found).items())
    return Table(
        "Disputes", ("decided for", "by", "number"), tuple((*ended, str(number)) for ended, number in counted)
    )


def written(tables: Iterable[Table]) -> str:
    """Return all tables as they stand in docs/demo.md, between its two marks."""
    return BEGIN + "\n" + "\n".join(table.written() for table in tables) + END


def in_document(text: str) -> str:
    """Return the part of docs/demo.md that holds the facts. Raises DevtoolsError when it has no such part."""
    _, begin, rest = text.partition(BEGIN)
    inside, end, _ = rest.partition(END)
    if not begin or not end:
        raise DevtoolsError(f"the document has no facts between {BEGIN} and {END}")
    return begin + inside + end


def _all(caller: Caller, path: str, **wanted: Any) -> list[Any]:
    return caller.items(path, limit=100, **wanted)


def _sold(
    demo: Mapping[str, Any], finance: Caller, shops: Mapping[str, str], names: Mapping[str, str]
) -> list[Sold]:
    commissions = {
        (one["shop_id"], one["order_ref"]): one
        for one in _standing(_all(finance, "commissions", mode="live"))
    }
    found = []
    for order in _all(finance, "orders", mode="live"):
        winner = order["attribution"]["winner"]
        commission = commissions.get((order["shop_id"], order["order_ref"]))
        found.append(
            Sold(
                shops[order["shop_id"]],
                order["channel"],
                names[winner["adviser_id"]] if winner else None,
                state=commission["state"] if commission else None,
                commission=_amount(commission["amount"]) if commission else _NOTHING,
            )
        )
    for one in demo["api_keys"]:
        if (one["role"], one["mode"]) == ("owner", "test"):
            tests = _all(finance.as_bearer(one["key"]), "orders")
            found += [Sold(shops[order["shop_id"]], order["channel"], None, is_test=True) for order in tests]
    return found


def _standing(commissions: Iterable[Any]) -> list[Any]:
    """Return commissions with the one that stands last for its order: a new decision leaves reversed ones behind."""
    return sorted(commissions, key=lambda one: one["state"] != "reversed")


def _evidence(finance: Caller) -> Table:
    counted = Counter((one["kind"], one["state"]) for one in _all(finance, "evidence"))
    rows = tuple((*what, str(number)) for what, number in sorted(counted.items()))
    return Table("Evidence", ("kind of influence", "state", "number"), rows)


def _runs(finance: Caller) -> Table:
    rows = []
    for number, run in enumerate(reversed(_all(finance, "runs")), 1):
        payouts = finance.get(f"runs/{run['id']}")["payouts"]
        for state in sorted({one["state"] for one in payouts}):
            amounts = [_amount(one["amount"]) for one in payouts if one["state"] == state]
            rows.append((f"run {number}", state, str(len(amounts)), _text(sum(amounts, _NOTHING))))
    return Table("Payouts", ("run", "state", "number", "EUR"), tuple(rows))


def _statements(finance: Caller) -> Table:
    amounts = [_amount(one["amount"]) for one in _all(finance, "statements")]
    row = ("all", str(len(amounts)), _text(sum(amounts, _NOTHING)))
    return Table("Statements", ("statements", "number", "EUR"), (row,))


def _advisers(finance: Caller, names: Mapping[str, str]) -> Table:
    rows = []
    for adviser_id, name in sorted(names.items(), key=lambda one: one[1]):
        items = finance.get("earnings", adviser_id=adviser_id)["items"]
        amounts = [sum((_amount(one[place]["amount"]) for one in items), _NOTHING) for place in PLACES]
        rows.append((name, *(_text(one) for one in amounts)))
    return Table("Where each adviser's money is", ("adviser", *(_words(one) for one in PLACES)), tuple(rows))


def _budgets(finance: Caller, shops: Mapping[str, str]) -> Table:
    rows = []
    for shop_id, name in sorted(shops.items(), key=lambda one: one[1]):
        shown = finance.get("funding", shop_id=shop_id)
        paid = sum((_amount(one["amount"]) for one in shown["payments"] if one["state"] == "paid"), _NOTHING)
        [balance] = shown["balances"]
        left, owed = _amount(balance["funded_to"]), _amount(balance["owed"])
        waiting = str(len(shown["awaiting"]))
        rows.append((name, _text(paid), _text(left), _text(owed), waiting, _text(paid - left + owed)))
    header = (
        "shop",
        "paid in",
        "media budget left",
        "receivable",
        "commissions waiting",
        "commissions and fees",
    )
    return Table("Shops", header, tuple(rows))


def _books(finance: Caller) -> Table:
    sums: dict[str, Decimal] = defaultdict(lambda: _NOTHING)
    for one in _all(finance, "ledger/accounts"):
        sums[one["kind"]] += _amount(one["balance"])
    [line] = [one for one in finance.get("reconciliation")["certificates"] if one["currency"] == "EUR"]
    rows = [(kind, _text(amount)) for kind, amount in sorted(sums.items())]
    rows.append(("difference to the payment provider", _text(_amount(line["difference"]))))
    return Table("Books", ("account", "EUR"), tuple(rows))


def _amount(money: Mapping[str, str]) -> Decimal:
    return Decimal(money["amount"])


def _text(amount: Decimal) -> str:
    return f"{amount:.2f}"


def _words(name: str) -> str:
    return name.replace("_", " ")
