"""What a shop's people see: what advisers bring and cost, orders to confirm, offers, budget, and how to begin."""
