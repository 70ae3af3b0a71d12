"""Money: the ledger, funding, accrual, settlement, runs, reconciliation and statements."""
