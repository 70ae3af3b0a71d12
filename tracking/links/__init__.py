"""Links: tracked links, discount codes, and the table that edges redirect by."""
