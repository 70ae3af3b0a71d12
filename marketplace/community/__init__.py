"""What readers say and do: questions with answers, votes, follows, reviews, and reports of pages."""
