"""What SQLAlchemy compiled for one test serves the others: compiling a statement costs more than running it in a test.

Each test has a database of its own, and so engines of its own. Here they have a dialect that equals every other of the
same options, and keep what they compiled together; the product makes its engines as ever, with its own listeners.
"""

from __future__ import annotations

from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.util import LRUCache

# More than all tests compile; an application of ours makes some thousand.
_MOST = 10_000
# Listeners are an engine's own.
_OWN = ("dispatch", "_has_events")


class Kin(PGDialect_psycopg):
    """The dialect of PostgreSQL with psycopg, which knows what the first one of its options came to know."""

    supports_statement_cache = True
    _first: ClassVar[dict[str, Kin]] = {}

    def __init__(self, **options: Any) -> None:
        """Be the first of these options, or as the first one is by now."""
        options_told = repr(sorted(options.items()))
        first = self._first.get(options_told)
        if first is None:
            super().__init__(**options)
            self.options_told = options_told
            self.compiled: LRUCache[Any, Any] = LRUCache(_MOST)
            self.is_told = False
            self._type_memos  # noqa: B018 - made now, so that all have it.
            self._first[options_told] = self
        else:
            self.__dict__.update({name: value for name, value in vars(first).items() if name not in _OWN})

    def __eq__(self, other: object) -> bool:
        """Tell whether what the other one compiled can be run here."""
        return isinstance(other, Kin) and other.options_told == self.options_told

    def __hash__(self) -> int:
        return hash(self.options_told)

    def initialize(self, connection: sa.Connection) -> None:
        """Ask the server what it is, once: all servers of a run are of one wheel."""
        if not self.is_told:
            super().initialize(connection)
            self.is_told = True
            first = self._first[self.options_told]
            vars(first).update({name: value for name, value in vars(self).items() if name not in _OWN})

    @classmethod
    def engine_created(cls, engine: sa.Engine) -> None:
        """Give an engine what was compiled before it was made."""
        if isinstance(engine.dialect, Kin):
            engine._compiled_cache = engine.dialect.compiled


def share_what_is_compiled() -> None:
    """Let every engine that this process makes from here on be kin."""
    registry.register("postgresql.psycopg", __name__, Kin.__name__)
