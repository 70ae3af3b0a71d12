"""Disputes about declined commissions: opened by the adviser, answered by the shop, decided by us or by the clock."""
