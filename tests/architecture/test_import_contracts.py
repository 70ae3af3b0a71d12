"""The import contracts hold, and each one catches the breach that is planted in a copy of the code."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from marketplace.devtools.house_rules import PACKAGES
from marketplace.devtools.state import PROJECT

LINT = str(Path(sys.executable).parent / "lint-imports")
SETTINGS = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
CONTRACTS = [contract["name"] for contract in SETTINGS["contracts"]]
# Contract (by the beginning of its name), the file that breaks it, what is added to that file.
PLANTED = [
    ("Imports point down", "marketplace/planted.py", "import tracking.orders"),
    ("Imports point down", "tracking/planted.py", "import payouts.ledger"),
    ("Inside marketplace", "marketplace/core/planted.py", "import marketplace.accounts"),
    ("Core is a stack", "marketplace/core/clock.py", "import marketplace.core.db"),
    ("Inside tracking", "tracking/links/planted.py", "import tracking.orders"),
    ("Inside tracking", "tracking/edge/planted.py", "import tracking.orders"),
    ("Inside payouts", "payouts/ledger/planted.py", "import payouts.funding"),
    ("The edge stays thin", "tracking/edge/planted.py", "import marketplace.core.jobs"),
    ("The edge stays thin", "tracking/touches/tokens.py", "import stripe"),
    ("The ledger knows money", "payouts/ledger/planted.py", "import flask"),
    ("Only one module speaks Stripe", "payouts/runs/planted.py", "import stripe"),
    ("The sandbox is somebody else", "payouts/sandbox/planted.py", "import marketplace.core.money"),
    ("No sibling cycles", "tracking/links/planted.py", "import tracking.touches"),
]


def lint(folder: Path, cache: Path) -> str:
    done = subprocess.run(
        [LINT, "--no-logo", "--cache-dir", str(cache)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    # The report is folded at the width of a terminal.
    return " ".join((done.stdout + done.stderr).split())


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code alone."""
    folder = tmp_path_factory.mktemp("contracts") / "code"
    for package in PACKAGES:
        shutil.copytree(
            PROJECT / package,
            folder / package,
            ignore=lambda _folder, names: [n for n in names if _is_other(n)],
        )
    shutil.copy(PROJECT / "pyproject.toml", folder)
    # A room that a contract forbids and that isn't built yet stands there empty.
    for room in (
        name for contract in SETTINGS["contracts"] for name in contract.get("forbidden_modules", ())
    ):
        place = folder / room.replace(".", "/")
        if room.startswith(PACKAGES) and not place.with_suffix(".py").exists():
            place.mkdir(exist_ok=True)
            (place / "__init__.py").touch()
    return folder


def _is_other(name: str) -> bool:
    return name == "__pycache__" or ("." in name and not name.endswith(".py"))


def test_every_contract_holds(pristine):
    said = lint(PROJECT, pristine.parent / "cache-of-the-project")
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in said, said


@pytest.mark.parametrize(("contract", "path", "line"), PLANTED)
def test_a_planted_breach_breaks_its_contract(contract, path, line, pristine, tmp_path):
    name = next(full for full in CONTRACTS if full.startswith(contract))
    shutil.copytree(pristine, tmp_path / "code")
    planted = tmp_path / "code" / path
    if contract == "No sibling cycles":
        _plant_ring(tmp_path / "code")
    with planted.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    said = lint(tmp_path / "code", pristine.parent / "cache")
    assert f"{name} BROKEN" in said, said


def _plant_ring(code: Path) -> None:
    """Let touches import links too: links and touches are then a ring."""
    (code / "tracking/touches/planted.py").write_text("import tracking.links\n", encoding="utf-8")


def test_each_contract_has_a_planted_breach():
    beginnings = {contract for contract, _, _ in PLANTED}
    assert {name for name in CONTRACTS if not name.startswith(tuple(beginnings))} == set()
