"""Who is who: people, sign-in, shops with their domains and members, advisers, API keys and agreements."""
