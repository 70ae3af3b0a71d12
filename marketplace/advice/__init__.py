"""Advice pages: what an adviser writes, checked before it is published, and kept as readers saw it."""
