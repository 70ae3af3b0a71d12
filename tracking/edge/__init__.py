"""The edge: its own small Flask app that redirects a click and never forgets it."""
