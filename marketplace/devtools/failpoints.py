"""Which failpoints there are, and where one is missing: read from the syntax tree, so that no list can be out of date.

Rooms of money give a literal point to every transaction; the gateway gives one to every call; the edge and the shipper
pass one before and after everything that they write. Each point stands at one place only.
"""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from marketplace.devtools.house_rules import Breach, Module, modules
from marketplace.devtools.state import PROJECT

_ROOMS = ("payouts/", "tracking/", "marketplace/offers/")
_NOT_OURS = "payouts/sandbox/"
_TRANSACTIONS = {"transaction", "run_in_transaction"}
# What files of forms are called: the pages themselves, and what the form of one page does when it needs a module.
_FORMS = ("views", "acts_")
_MOMENTS = ("before_commit", "after_commit")
# Whoever writes clicks to a file: the calls that do, each between a failpoint before and one after it.
_WRITERS = {
    "tracking/edge/spool.py": {"self._write", "self._open_next"},
    "tracking/touches/ship.py": {"_keep_position", "file.writelines"},
}
# The first segment is opened before there is an edge that could lose anything.
_BEFORE_THERE_IS_ANYTHING = {"__init__"}
_STRIPE = "self._client.v1."
_GATEWAY_CALLS = {"self._write", "self._read", "self._all"}


def names(project: Path = PROJECT) -> list[str]:
    """Return the name of every failpoint of the product, sorted."""
    found: set[str] = set()
    for module in modules(project):
        for point, _ in _points(module):
            found.update(f"{point}.{moment}" for moment in _moments(point))
        for point, moment, _ in _reached(module):
            found.add(f"{point}.{moment}")
    return sorted(found)


def names_of_forms(project: Path = PROJECT) -> list[str]:
    """Return the name of every failpoint of a form of a page, sorted: of modules named views*.py or acts_*.py."""
    found = {
        f"{point}.{moment}"
        for module in modules(project)
        if module.path.rpartition("/")[2].startswith(_FORMS)
        for point, _ in _points(module)
        for moment in _moments(point)
    }
    return sorted(found)


def breaches(product: Iterable[Module]) -> Iterator[tuple[str, Breach]]:
    """Give the path and the breach of every commit of money, Stripe call or write of a click without its failpoint."""
    seen: dict[str, str] = {}
    for module in product:
        if not (_is_of_money(module) or "failpoints" in module.source or "transaction" in module.source):
            continue
        for found in (*_unnamed(module), *_uncovered_calls(module), *_unguarded(module)):
            yield module.path, found
        own = {point: line for point, _, line in _reached(module)}
        for point, line in [*_points(module), *own.items()]:
            if point in seen:
                yield module.path, Breach(line, f"the point {point} stands at {seen[point]} already")
            seen[point] = f"{module.path}:{line}"


def _moments(point: str) -> tuple[str, str]:
    return ("before", "after") if point.startswith("stripe.") else _MOMENTS


def _is_of_money(module: Module) -> bool:
    return module.path.startswith(_ROOMS) and not module.path.startswith(_NOT_OURS)


def _calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str, str]]:
    """Give every call: the node, the whole name that is called, its last part."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _name(node.func)
            yield node, name, name.rpartition(".")[2]


def _name(node: ast.expr) -> str:
    """Return the dotted name of an expression; what is no name in it is left empty, as in `().begin`."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "")
    return ".".join(reversed(parts))


def _literal(call: ast.Call, *, first: bool) -> str | None:
    found = call.args[0] if first and call.args else None
    if not first:
        found = next((one.value for one in call.keywords if one.arg == "point"), None)
    return found.value if isinstance(found, ast.Constant) and isinstance(found.value, str) else None


def _points(module: Module) -> Iterator[tuple[str, int]]:
    """Give each literal point of a transaction or a gateway call with its line."""
    for call, name, last in _calls(module.tree):
        if last in _TRANSACTIONS and (point := _literal(call, first=False)):
            yield point, call.lineno
        if name in _GATEWAY_CALLS and _speaks_stripe(module) and (point := _literal(call, first=True)):
            yield f"stripe.{point}", call.lineno


def _reached(module: Module) -> Iterator[tuple[str, str, int]]:
    """Give point, moment and line of each failpoint that is passed by its own literal name."""
    for call, name, _ in _calls(module.tree):
        if name == "failpoints.reach" and all(isinstance(one, ast.Constant) for one in call.args):
            point, moment = (ast.literal_eval(one) for one in call.args)
            yield point, moment, call.lineno


def _unnamed(module: Module) -> Iterator[Breach]:
    """Find transactions of money that have no literal point, or hide behind another name."""
    if not _is_of_money(module):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom):
            hidden = [one.asname for one in node.names if one.name in _TRANSACTIONS and one.asname]
            for name in hidden:
                yield Breach(node.lineno, f"a transaction under the name {name} is not recognised")
    for call, name, last in _calls(module.tree):
        if last == "begin":
            yield Breach(call.lineno, f"{name}(): open a transaction() of core.db, which has failpoints")
        if last not in _TRANSACTIONS or name == "connection.transaction":
            continue
        if not _literal(call, first=False):
            yield Breach(call.lineno, f'{name}(): a commit of money needs point="...", written out here')


def _speaks_stripe(module: Module) -> bool:
    return any(
        isinstance(node, ast.Import) and any(one.name == "stripe" for one in node.names)
        for node in module.tree.body
    )


def _uncovered_calls(module: Module) -> Iterator[Breach]:
    """Find calls of Stripe's library that do not stand inside a named call of the gateway."""
    if not _speaks_stripe(module):
        return
    covered: set[int] = set()
    for call, name, _ in _calls(module.tree):
        if name in _GATEWAY_CALLS and _literal(call, first=True):
            covered |= {id(node) for node in ast.walk(call)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and id(node) not in covered and _is_whole_call(node):
            yield Breach(
                node.lineno, f"{ast.unparse(node)}: name the call as first argument of self._write/_read/_all"
            )
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef) and node.name == "_call":
            text = ast.unparse(node)
            for moment in ("'before'", "'after'"):
                if f"failpoints.reach(f'stripe.{{call}}', {moment})" not in text:
                    yield Breach(node.lineno, f"the gateway passes no failpoint {moment} its calls")


def _as_module(function: ast.FunctionDef) -> ast.Module:
    return ast.Module([function], [])


def _is_whole_call(node: ast.Attribute) -> bool:
    text = _name(node)
    return text.startswith(_STRIPE) and text.count(".") > _STRIPE.count(".")


def _unguarded(module: Module) -> Iterator[Breach]:
    """Find writes of clicks, and commits of the shipper, without a failpoint before and after them."""
    wanted = _WRITERS.get(module.path, set())
    for function in ast.walk(module.tree):
        if not isinstance(function, ast.FunctionDef) or function.name in _BEFORE_THERE_IS_ANYTHING:
            continue
        passed = [
            (line, point, moment)
            for point, moment, line in _reached(Module(module.path, "", _as_module(function)))
        ]
        for call, name, _ in _calls(function):
            is_commit = name == "connection.transaction" and _is_of_money(module)
            if name not in wanted and not is_commit:
                continue
            kind = "commit" if is_commit else "write"
            below = [one for one in sorted(passed) if one[0] > call.lineno]
            # A with block commits at its end, so both failpoints of a commit stand below its opening.
            around = (
                below[:2] if is_commit else [*sorted(passed)[: len(passed) - len(below)][-1:], *below[:1]]
            )
            points = {point for _, point, _ in around}
            moments = [moment for _, _, moment in around]
            if len(points) != 1 or moments != [f"before_{kind}", f"after_{kind}"]:
                yield Breach(call.lineno, f"{name}() needs a failpoint before_{kind} and one after_{kind}")
