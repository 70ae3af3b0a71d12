"""Migrations: one linear line of steps that make the database hold its promises."""
