"""What people of the demo world write: advice with pictures, questions and answers, reviews, follows, reports."""
