"""Pictures: of products, of advice pages and of advisers; drawn anew by us, kept by us and served from our origin."""
