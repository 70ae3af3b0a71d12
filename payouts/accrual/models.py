"""The table of accrual, which lies with funding because new budget must find what waits for it."""

from __future__ import annotations

from payouts.funding.models import Accrual

__all__ = ["Accrual"]
