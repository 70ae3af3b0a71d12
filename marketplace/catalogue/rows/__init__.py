"""One product in the words of a shop, judged: facts, or a refusal that says why; the same judge for all that comes in.

`reading` is the door: `read_row` turns the words of a feed's row, of a page or of somebody by hand into facts, and
each module beside it reads one kind of field (prices, sales, stock, texts). `notes` are what is told of it. Pure: no
database, no clock, no network. Rooms of the catalogue import `reading` and `notes`; the fields are its own.
"""
