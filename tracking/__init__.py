"""Tracking: links, touches, orders, attribution and what an attribution earns."""
