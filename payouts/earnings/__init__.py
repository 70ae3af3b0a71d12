"""What an adviser earned on screen: the overview, every order and its life, and what went elsewhere."""
