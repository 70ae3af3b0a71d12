"""Touches: signed click tokens, the click lines that edges write, their shipment into PostgreSQL, and retention."""
