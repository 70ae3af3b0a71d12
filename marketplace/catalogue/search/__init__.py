"""Product search: what is published, found by words in Dutch and English, also by wrong ones; the same for everybody.

`service.find` is the door, for the API and the page in `views`; `words` is pure. What products are found by is made in
`catalogue.indexing`, below. Nobody outside imports this room.
"""
