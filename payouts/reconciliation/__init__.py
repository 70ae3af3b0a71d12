"""Reconciliation: Stripe's balance transactions against the ledger, differences by age, the certificate."""
