"""Feeds: products of a shop in bulk, taken in as bytes, read row by row, and applied all at once with a report.

`service` is what a shop asks for (send, follow, read the report), `jobs` reads what waits, `formats` makes rows of
bytes, `sources` fetches feeds from addresses. Other rooms may import `models` (a product names the feed that brought
it), the schemas, ShopClosed of `service`, and from `jobs` whether the queue answers.
"""
