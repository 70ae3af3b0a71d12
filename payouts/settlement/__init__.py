"""Carrying out payouts: payout accounts, attempts, the gateway port and its Stripe adapter, webhooks."""
