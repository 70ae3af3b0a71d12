"""Order intake: what shops report, once per reference, with later lines, refunds and cancellations."""
