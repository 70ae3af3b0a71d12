"""Statements: the immutable account of one payout, line by line, for the adviser."""
