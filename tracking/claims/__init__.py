"""Claims of missing orders: made by the adviser, answered by the shop, brought to the platform by its silence."""
