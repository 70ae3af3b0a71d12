"""Accrual: pulls the moves of commissions into the ledger, one entry each, and says what advisers earn."""
