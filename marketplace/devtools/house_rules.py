"""The rules of the house that no ordinary linter knows, read from the syntax tree.

Each rule is a function that takes a `Module` and gives the breaches as `Breach(line, sentence)`.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

PACKAGES = ("marketplace", "tracking", "payouts")
LONGEST_MODULE = 300

_COMMITTERS = {
    "marketplace/core/db.py",
    # Roles and schema are made before there is a session to open a transaction with.
    "marketplace/core/migrate.py",
}
_CLOCKS = {"marketplace/core/clock.py", "payouts/sandbox/clock.py"}
# The redirect's hot path adds the offset to nanoseconds itself; rate limits live in the clock of their storage.
_OWN_CLOCKS = {"tracking/edge/spool.py", "marketplace/accounts/limits.py"}
_SETTINGS = {"marketplace/core/config.py"}
# `clock.now()` is ours, `func.now()` is SQL's, and a one-time code belongs to a moment of its own kind.
_EXEMPT_NOW = re.compile(r"(^|\.)(clock|func|totp)$", re.IGNORECASE)
_SHARED_ACTS = (r"entrance\.\w+", r"acts\w*\.\w+")
_MONEY_CODE = (
    "marketplace/core/money.py",
    "marketplace/offers/terms*.py",
    "tracking/commissions/*.py",
    "payouts/ledger/*.py",
    "payouts/accrual/*.py",
    "payouts/funding/*.py",
    "payouts/runs/*.py",
    "payouts/statements/*.py",
    "payouts/reconciliation/*.py",
)
_WITHOUT_FLASK = ("*/service*.py", "*/jobs*.py", "payouts/ledger/*.py")
_ROUTE_METHODS = {"route", "get", "post", "put", "patch", "delete"}
_EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
_UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")


@dataclass(frozen=True, slots=True)
class Breach:
    """One place where a rule is broken."""

    line: int
    sentence: str


@dataclass(frozen=True)
class Module:
    """A module by its path in the project, with its text and syntax tree."""

    path: str
    source: str
    tree: ast.Module

    @classmethod
    def of(cls, path: str, source: str) -> "Module":
        """Parse a module."""
        return cls(path, source, ast.parse(source))

    def is_one_of(self, patterns: tuple[str, ...]) -> bool:
        """Tell whether the path matches one of the patterns."""
        return any(PurePosixPath(self.path).match(pattern) for pattern in patterns)

    @property
    def is_views(self) -> bool:
        """Tell whether the file is one that may hold routes."""
        return self.is_one_of(("*/views*.py", "*/api*.py"))


def _calls(module: Module, *names: str) -> Iterator[tuple[ast.Call, str, str]]:
    """Give calls of a method with one of the names: the call, what it is called on, the name."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names:
            yield node, ast.unparse(node.func.value), node.func.attr


def one_committer(module: Module) -> Iterator[Breach]:
    """Only core.db commits."""
    if module.path not in _COMMITTERS:
        for call, owner, _ in _calls(module, "commit"):
            yield Breach(
                call.lineno, f"{owner}.commit(): only marketplace/core/db.py commits; open a transaction()"
            )


def one_clock(module: Module) -> Iterator[Breach]:
    """Only a clock module asks the machine what time it is."""
    if module.path in _CLOCKS:
        return
    for call, owner, name in _calls(module, "now", "utcnow", "today"):
        if not _EXEMPT_NOW.search(owner):
            yield Breach(call.lineno, f"{owner}.{name}(): take `now` as an argument, or ask core.clock")
    for call, owner, name in _calls(module, "time", "time_ns"):
        if owner == "time" and module.path not in _OWN_CLOCKS:
            yield Breach(call.lineno, f"time.{name}(): take `now` as an argument, or ask core.clock")


def one_reader_of_the_environment(module: Module) -> Iterator[Breach]:
    """Only core.config reads the environment."""
    if module.path in _SETTINGS:
        return
    names = {"environ", "environb", "getenv", "getenvb"}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute):
            reads = node.attr in names and ast.unparse(node.value) == "os"
        elif isinstance(node, ast.ImportFrom):
            reads = node.module == "os" and bool(names & {one.name for one in node.names})
        else:
            continue
        if reads:
            yield Breach(node.lineno, "the environment is read in marketplace/core/config.py only")


def no_flask_below_views(module: Module) -> Iterator[Breach]:
    """Services, jobs and the ledger don't know that there is a web."""
    if not module.is_one_of(_WITHOUT_FLASK):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        if any(re.match(r"flask(_\w+)?(\.|$)", name) for name in names):
            yield Breach(node.lineno, "flask in a service, a job or the ledger; pass what you need")


def no_float_near_money(module: Module) -> Iterator[Breach]:
    """Money code has no float: not a literal, not a conversion, not a true division."""
    if not module.is_one_of(_MONEY_CODE):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield Breach(node.lineno, f"float {node.value!r} in money code")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
            yield Breach(node.lineno, "float() in money code")
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield Breach(
                node.lineno, "true division in money code; divide whole numbers and say how to round"
            )


def says_what_it_is(module: Module) -> Iterator[Breach]:
    """Every module has a docstring, a name that says something, and at most 300 lines."""
    if not ast.get_docstring(module.tree):
        yield Breach(1, "no module docstring")
    lines = len(module.source.splitlines())
    if lines > LONGEST_MODULE:
        yield Breach(LONGEST_MODULE + 1, f"{lines} lines; split by noun at {LONGEST_MODULE}")
    if PurePosixPath(module.path).stem in _EMPTY_NAMES:
        yield Breach(1, "a name that says nothing; name it by its noun")


def nothing_unfinished(module: Module) -> Iterator[Breach]:
    """Nothing is marked as to be done later."""
    for number, line in enumerate(module.source.splitlines(), 1):
        # The pattern itself has to stand somewhere.
        if _UNFINISHED.search(line) and "re.compile" not in line:
            yield Breach(number, "a mark of something unfinished")
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.Raise)
            and node.exc is not None
            and "NotImplementedError" in ast.unparse(node.exc)
        ):
            yield Breach(node.lineno, "NotImplementedError: something unfinished")


def every_route_names_its_policy(module: Module) -> Iterator[Breach]:
    """Routes stand in views*.py and api*.py, at column 0, each with @policy("resource", "action")."""
    in_sandbox = module.path.startswith("payouts/sandbox/")
    for node in ast.walk(module.tree):
        if in_sandbox or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        routes = [one for one in node.decorator_list if _is_route(one)]
        if not routes:
            continue
        policies = [one for one in node.decorator_list if _is_policy(one)]
        if not policies:
            yield Breach(node.lineno, f"route {node.name} names no @policy")
        elif any(one.col_offset != 1 for one in policies):
            yield Breach(node.lineno, f"@policy of {node.name} does not stand at column 0")


def _is_route(node: ast.expr) -> bool:
    """Tell whether a decorator is `something.route("/path")`, `something.get("/path")` and so on."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _ROUTE_METHODS
        and len(node.args) > 0
        and isinstance(node.args[0], ast.Constant | ast.JoinedStr)
    )


def _is_policy(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] == "policy"
        and len(node.args) == 2
    )


def writes_open_a_transaction(module: Module) -> Iterator[Breach]:
    """A view that writes opens a transaction: itself, in its own module, or through the acts that it shares.

    Modules named in `_SHARED_ACTS` hold what an API and its pages both do, transaction and all. Choosing a theme or
    a language changes nothing but cookies.
    """
    if not module.is_views:
        return
    opening = {
        node.name
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef) and re.search(r"\btransaction\b", ast.unparse(node))
    }
    names = ["transaction", "run_in_transaction", *sorted(opening), *_SHARED_ACTS]
    opened = re.compile(r"\b(" + "|".join(names) + r")\(")
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.FunctionDef):
            continue
        writes = any(
            isinstance(one, ast.Call)
            and isinstance(one.func, ast.Attribute)
            and (one.func.attr in {"post", "put", "patch", "delete"} or _route_writes(one))
            for one in node.decorator_list
        )
        chooses = any(ast.unparse(one) == "policy('public', 'choose')" for one in node.decorator_list)
        if writes and not chooses and not opened.search(ast.unparse(ast.Module(node.body, []))):
            yield Breach(node.lineno, f"{node.name} writes without opening a transaction()")


def _route_writes(call: ast.Call) -> bool:
    methods = next((one.value for one in call.keywords if one.arg == "methods"), None)
    return methods is not None and bool({"POST", "PUT", "PATCH", "DELETE"} & set(ast.literal_eval(methods)))


RULES: dict[str, Callable[[Module], Iterator[Breach]]] = {
    rule.__name__: rule
    for rule in (
        one_committer,
        one_clock,
        one_reader_of_the_environment,
        no_flask_below_views,
        no_float_near_money,
        says_what_it_is,
        nothing_unfinished,
        every_route_names_its_policy,
        writes_open_a_transaction,
    )
}


def modules(project: Path) -> Iterator[Module]:
    """Give every module of the product."""
    paths = [path for package in PACKAGES for path in sorted((project / package).rglob("*.py"))]
    for path in [*paths, project / "wsgi.py"]:
        if path.exists():
            yield Module.of(path.relative_to(project).as_posix(), path.read_text(encoding="utf-8"))
