"""`python -m marketplace.devtools` and the console script `aanrader`."""

from marketplace.devtools.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
