"""Media budget: what shops pay in, and the release of commissions that waited for it."""
