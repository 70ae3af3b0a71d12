"""The formats of feeds: bytes of any encoding in, rows of words out, with bounded memory; nothing is judged here.

`reading` is the door and the only module that others import: it looks at the bytes and picks Google's XML or delimited
text, whatever somebody called it.
"""
