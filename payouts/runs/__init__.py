"""Payout runs: who gets what and why not, approval by a second person, execution with progress."""
