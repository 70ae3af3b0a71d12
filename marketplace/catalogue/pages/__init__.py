"""Product pages of shops: what a page says about the product it sells, and where it says so."""
