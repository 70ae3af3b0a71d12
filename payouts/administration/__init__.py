"""Administration on screen: what waits for a person, what is held, and what runs in the background."""
