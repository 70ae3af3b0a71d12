"""Category paths such as "Home > Kitchen > Pans", written one way so that they can be compared."""

from __future__ import annotations

SEPARATOR = " > "


def parts(path: str) -> tuple[str, ...]:
    """Return the names on a path from wide to narrow, without empty ones and without spare spaces."""
    return tuple(name for piece in path.split(">") if (name := " ".join(piece.split())))


def normalise(path: str) -> str:
    """Return a path as "A > B > C"; an empty string when it names nothing."""
    return SEPARATOR.join(parts(path))


def comparable(path: str) -> tuple[str, ...]:
    """Return the path for comparison: capitals don't matter."""
    return tuple(name.casefold() for name in parts(path))


def is_within(path: tuple[str, ...], ancestor: tuple[str, ...]) -> bool:
    """Tell whether a comparable path is the ancestor itself or lies under it."""
    return bool(ancestor) and path[: len(ancestor)] == ancestor
