"""Finance on screen: what needs somebody today, payout runs, reconciliation, the ledger and the freeze."""
