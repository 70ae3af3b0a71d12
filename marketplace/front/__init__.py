"""The front of the house: what Aanrader is, how it earns, and what a reader can choose about being recognised.

Nobody imports this room; it may read what is published in the rooms below.
"""
