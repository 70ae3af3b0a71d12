"""A Stripe-compatible server in its own process: it remembers durably and misbehaves on request.

It stands for somebody else's machine, so it imports nothing of the rest of the project and is
reached over HTTP only. See docs/sandbox.md.
"""
