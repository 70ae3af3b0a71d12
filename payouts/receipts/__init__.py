"""The receipt of a commission: everything that led to an amount, and a file that works it out again offline."""
