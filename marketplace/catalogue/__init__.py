"""What shops sell: products, by what way they come, and how they are found.

Rooms bottom up, each importing only what stands before it and the leaves here (addresses, facts, folding, indexing):
`taxonomy` (Google's categories), `rows` (the words of a shop, judged), `feeds` (products in bulk, sent or fetched),
then the products at the top of this room, `pages` (what product pages say), `given` (products that a shop's people give
themselves) and `search`. Other packages import `products` (by SKU for orders, by address for links), `models`,
`addresses`, and of `taxonomy` its `google` and `categories`; all else is reached over the API.
"""
