"""Sources: addresses from which a shop's feeds are fetched, how often, and how each fetch ended.

`service` is what a shop asks for, `fetching` claims a source and fetches it outside of any transaction, `hours` says
when next. What is fetched is lined up as a feed that was sent. Nobody imports this but the registration of the
catalogue; its tables stand with those of feeds, because each names the other.
"""
