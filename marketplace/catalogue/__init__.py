"""What shops sell: products, and the feeds that bring them."""
