"""The workshop: embedded services, demo, checks and the `aanrader` command; not for production."""
