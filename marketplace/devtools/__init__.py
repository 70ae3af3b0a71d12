"""The workshop: embedded services, the demo, the checks and the `aanrader` command; nothing in production imports it."""
