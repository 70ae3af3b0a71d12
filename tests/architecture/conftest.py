"""The modules of the product, read once for all rules."""

import pytest

from marketplace.devtools.house_rules import Module, modules
from marketplace.devtools.state import PROJECT


@pytest.fixture(scope="session")
def product() -> list[Module]:
    """Every module of the product."""
    return list(modules(PROJECT))
