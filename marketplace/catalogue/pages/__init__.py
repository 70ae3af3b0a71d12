"""Product pages of shops: what a page says about the product it sells, and where it says so.

`looking` fetches a page through the guard and is the door; `reading` turns bytes into words by the names of a feed's
fields, and is pure, as all below it is. Rooms of the catalogue import `looking` and what it returns (`found`); nothing
here knows the database.
"""
