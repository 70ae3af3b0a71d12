"""The demo world: three shops that exist nowhere, the people around them, and 90 days of history."""
