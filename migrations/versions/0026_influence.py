"""Evidence of the kinds of influence with every step, and what an adviser tells readers about themselves.

Locks: `adviser` ACCESS EXCLUSIVE for an instant (columns whose default is a constant, which rewrites nothing), then SHARE
ROW EXCLUSIVE on `adviser`, `shop` and `user_account` while foreign keys to them are made; the tables are new.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import append_only, grant
from migrations.row_security import adviser, either, enable, permit, person, role, shop

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

PLATFORM = role("finance", "admin", "watch")
ADMIN = role("admin")
STATES = "('stated', 'in_review', 'verified', 'refused', 'expired', 'withdrawn')"
PROFILE = "headline, biography_nl, biography_en, topics, languages, home_page"
EVIDENCE = f"""
CREATE TABLE influence_evidence (
  id uuid NOT NULL CONSTRAINT pk_influence_evidence PRIMARY KEY,
  adviser_id uuid NOT NULL CONSTRAINT fk_influence_evidence_adviser_id_adviser REFERENCES adviser,
  kind text NOT NULL
    CONSTRAINT ck_influence_evidence_kind CHECK (kind IN ('expert', 'celebrity', 'user', 'friend')),
  statement text NOT NULL,
  link text,
  shop_id uuid CONSTRAINT fk_influence_evidence_shop_id_shop REFERENCES shop,
  order_ref text,
  state text NOT NULL CONSTRAINT ck_influence_evidence_state CHECK (state IN {STATES}),
  reason text,
  stated_at timestamptz NOT NULL,
  verified_at timestamptz,
  valid_until timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT uq_influence_evidence_id_adviser_id UNIQUE (id, adviser_id),
  CONSTRAINT ck_influence_evidence_purchase
    CHECK ((kind = 'user') = (shop_id IS NOT NULL) AND (shop_id IS NULL) = (order_ref IS NULL)),
  CONSTRAINT ck_influence_evidence_link CHECK (kind <> 'celebrity' OR link IS NOT NULL),
  CONSTRAINT ck_influence_evidence_reason CHECK (state <> 'refused' OR reason IS NOT NULL),
  CONSTRAINT ck_influence_evidence_verified_at
    CHECK (state NOT IN ('verified', 'expired') OR verified_at IS NOT NULL)
)
"""
EVENT = f"""
CREATE TABLE influence_evidence_event (
  id uuid NOT NULL CONSTRAINT pk_influence_evidence_event PRIMARY KEY,
  evidence_id uuid NOT NULL,
  adviser_id uuid NOT NULL,
  shop_id uuid CONSTRAINT fk_influence_evidence_event_shop_id_shop REFERENCES shop,
  n bigint NOT NULL,
  state text NOT NULL CONSTRAINT ck_influence_evidence_event_state CHECK (state IN {STATES}),
  reason text,
  by_role text NOT NULL
    CONSTRAINT ck_influence_evidence_event_by_role CHECK (by_role IN ('adviser', 'admin', 'shop', 'time')),
  by_user_id uuid CONSTRAINT fk_influence_evidence_event_by_user_id_user_account REFERENCES user_account,
  at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT uq_influence_evidence_event_evidence_id_n UNIQUE (evidence_id, n),
  CONSTRAINT ck_influence_evidence_event_by_user_id CHECK ((by_role = 'time') = (by_user_id IS NULL)),
  CONSTRAINT fk_influence_evidence_event_evidence_id_influence_evidence
    FOREIGN KEY (evidence_id, adviser_id) REFERENCES influence_evidence (id, adviser_id)
)
"""
# What everybody may know of an adviser; which order somebody bought is nobody's business.
VIEWS = """
CREATE VIEW public_profile WITH (security_barrier) AS
  SELECT a.id, a.code, a.display_name, a.kind, a.country, a.state, a.headline, a.biography_nl, a.biography_en,
    a.topics, a.languages, a.home_page,
    (SELECT min(s.from_at) FROM adviser_state s WHERE s.adviser_id = a.id) AS since
  FROM adviser a;
CREATE VIEW public_evidence WITH (security_barrier) AS
  SELECT id, adviser_id, kind, statement, link, verified_at, valid_until
  FROM influence_evidence WHERE state = 'verified'
"""


def upgrade() -> None:
    """Let advisers tell about themselves, and state evidence that others verify."""
    op.execute(
        "ALTER TABLE adviser ADD COLUMN headline text, ADD COLUMN biography_nl text, ADD COLUMN biography_en text,"
        " ADD COLUMN topics text[] NOT NULL DEFAULT '{}', ADD COLUMN languages text[] NOT NULL DEFAULT '{}',"
        " ADD COLUMN home_page text"
    )
    grant(op, "app", f"UPDATE ({PROFILE})", "adviser")
    op.execute(EVIDENCE)
    op.execute(EVENT)
    op.execute(
        "CREATE UNIQUE INDEX uq_influence_evidence_order ON influence_evidence (shop_id, order_ref)"
        " WHERE state = 'verified'"
    )
    op.execute(
        "CREATE UNIQUE INDEX uq_influence_evidence_open ON influence_evidence (adviser_id, kind, statement)"
        " WHERE state IN ('stated', 'in_review', 'verified')"
    )
    op.execute(
        "CREATE INDEX ix_influence_evidence_valid_until ON influence_evidence (valid_until) WHERE state = 'verified'"
    )
    append_only(op, "influence_evidence_event")
    for login in ("app", "worker"):
        grant(op, login, "SELECT, INSERT", "influence_evidence_event")
        grant(op, login, "UPDATE (state, reason, verified_at, valid_until)", "influence_evidence")
    grant(op, "app", "SELECT, INSERT", "influence_evidence")
    grant(op, "worker", "SELECT", "influence_evidence")
    enable(op, "influence_evidence", "influence_evidence_event")
    of_both = either(shop(), adviser(), PLATFORM)
    permit(op, "influence_evidence", "app", "select", of_both)
    permit(
        op,
        "influence_evidence",
        "app",
        "insert",
        None,
        f"{adviser()} AND state = 'stated' AND verified_at IS NULL",
    )
    # Nobody verifies their own: an adviser takes back, the shop judges its own orders, an admin the rest.
    permit(
        op,
        "influence_evidence",
        "app",
        "update",
        either(shop(), adviser(), ADMIN),
        either(
            f"{adviser()} AND state = 'withdrawn'",
            f"{shop()} AND kind = 'user' AND state IN ('verified', 'refused')",
            f"{ADMIN} AND (state IN ('in_review', 'refused') OR state = 'verified' AND kind <> 'user')",
        ),
    )
    permit(op, "influence_evidence_event", "app", "select", of_both)
    permit(
        op,
        "influence_evidence_event",
        "app",
        "insert",
        None,
        f"{person('by_user_id')} AND "
        + "("
        + either(
            f"{adviser()} AND by_role = 'adviser' AND state IN ('stated', 'withdrawn')",
            f"{shop()} AND by_role = 'shop' AND state IN ('verified', 'refused')",
            f"{ADMIN} AND by_role = 'admin' AND state IN ('in_review', 'verified', 'refused')",
        )
        + ")",
    )
    for table in ("influence_evidence", "influence_evidence_event"):
        permit(op, table, "worker", "all", "true")
    op.execute(VIEWS)
    grant(op, "app", "SELECT", "public_profile", "public_evidence")


def downgrade() -> None:
    """Forget evidence and what advisers told about themselves."""
    op.execute("DROP VIEW public_evidence")
    op.execute("DROP VIEW public_profile")
    op.execute("DROP TABLE influence_evidence_event")
    op.execute("DROP TABLE influence_evidence")
    for column in PROFILE.split(", "):
        op.execute(f"ALTER TABLE adviser DROP COLUMN {column}")
