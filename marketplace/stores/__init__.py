"""Physical stores: where a shop sells over the counter, when it is open, and which advisers work there."""
