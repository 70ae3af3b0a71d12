"""The search behind the palette: orders, commissions, runs, statements, links, products and people, by what one has."""
