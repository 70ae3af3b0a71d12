"""Products that a shop's people give themselves, by hand or by the address of a page, which is looked at again daily.

`service` stores and changes them, `refreshing` and `jobs` look again, `words` puts products into words of a feed's row,
so that all are judged alike. The API of products imports `service`, `words`, `api.looked_at` and the schemas; nobody
else does.
"""
