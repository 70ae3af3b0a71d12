"""The import contracts hold, and each one catches the breach that is planted in a copy of the code."""

import json
import shutil
import subprocess
import sys
import tomllib

import pytest

from marketplace.devtools.house_rules import PACKAGES
from marketplace.devtools.state import PROJECT

SETTINGS = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
CONTRACTS = [contract["name"] for contract in SETTINGS["contracts"]]
# Contract (by the beginning of its name), and what is added to which file to break it.
PLANTED = [
    ("Imports point down", {"marketplace/planted.py": "import tracking.orders"}),
    ("Imports point down", {"tracking/planted.py": "import payouts.ledger"}),
    ("Inside marketplace", {"marketplace/core/planted.py": "import marketplace.accounts"}),
    ("Core is a stack", {"marketplace/core/clock.py": "import marketplace.core.db"}),
    ("Inside tracking", {"tracking/links/planted.py": "import tracking.orders"}),
    ("Inside tracking", {"tracking/edge/planted.py": "import tracking.orders"}),
    ("Inside payouts", {"payouts/ledger/planted.py": "import payouts.funding"}),
    ("The edge stays thin", {"tracking/edge/planted.py": "import marketplace.core.jobs"}),
    ("The edge stays thin", {"tracking/touches/tokens.py": "import stripe"}),
    ("The ledger knows money", {"payouts/ledger/planted.py": "import flask"}),
    ("Only one module speaks Stripe", {"payouts/runs/planted.py": "import stripe"}),
    ("The sandbox is somebody else", {"payouts/sandbox/planted.py": "import marketplace.core.money"}),
    (
        "No sibling cycles",
        {
            "tracking/links/planted.py": "import tracking.touches",
            "tracking/touches/planted.py": "import tracking.links",
        },
    ),
]


# One process for all plants: the linter keeps what it has read of the files that stay the same.
LINTER = """
import contextlib, io, json, sys
from pathlib import Path
from importlinter.cli import lint_imports

answers = []
for plants in json.load(sys.stdin):
    before = {path: Path(path).read_text() if Path(path).exists() else None for path in plants}
    for path, line in plants.items():
        Path(path).write_text(f"{before[path] or ''}\\n{line}\\n")
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        lint_imports(no_logo=True, cache_dir=sys.argv[1])
    answers.append(said.getvalue())
    for path, text in before.items():
        Path(path).unlink() if text is None else Path(path).write_text(text)
json.dump(answers, sys.stdout)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the linter says of a copy of the code: as it is, and then with each breach planted in turn."""
    folder = tmp_path_factory.mktemp("contracts") / "code"
    for package in PACKAGES:
        shutil.copytree(
            PROJECT / package,
            folder / package,
            ignore=lambda _folder, names: [name for name in names if _is_other(name)],
        )
    shutil.copy(PROJECT / "pyproject.toml", folder)
    done = subprocess.run(
        [sys.executable, "-c", LINTER, str(folder.parent / "cache")],
        cwd=folder,
        input=json.dumps([{}, *(plants for _, plants in PLANTED)]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # The report is folded at the width of a terminal.
    return [" ".join(said.split()) for said in json.loads(done.stdout)]


def _is_other(name: str) -> bool:
    return name == "__pycache__" or ("." in name and not name.endswith(".py"))


def test_every_contract_holds(answers):
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in answers[0], answers[0]


@pytest.mark.parametrize("number", range(len(PLANTED)), ids=[str(plants) for _, plants in PLANTED])
def test_a_planted_breach_breaks_its_contract(number, answers):
    contract, _ = PLANTED[number]
    name = next(full for full in CONTRACTS if full.startswith(contract))
    assert f"{name} BROKEN" in answers[number + 1], answers[number + 1]


def test_each_contract_has_a_planted_breach():
    beginnings = {contract for contract, _ in PLANTED}
    assert {name for name in CONTRACTS if not name.startswith(tuple(beginnings))} == set()
