"""Google's product taxonomy: which number is which category, in English and in Dutch.

`categories` writes paths one way; `google` knows what ships with the code and is what rules of commission and orders
compare by; `store` keeps the categories in the database, where the API looks them up. Anybody above may import
`categories` and `google`; `store` and `models` are the catalogue's own.
"""
