"""Open invitations to advise: offers, their immutable terms, and the partnerships that accept them."""
