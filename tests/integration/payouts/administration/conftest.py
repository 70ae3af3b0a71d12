"""The world of settlement for the tests of this folder."""

from tests.integration.payouts.settling import shared_sandbox, world

__all__ = ["shared_sandbox", "world"]
