"""Offers, immutable commission terms, partnerships, and the history of each.

Locks: none that anybody waits for; every table is new, and the foreign keys take SHARE ROW EXCLUSIVE on shop,
adviser and user_account for an instant.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import append_only, grant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_OFFER_STATES = "CHECK (state IN ('draft', 'open', 'paused', 'closed'))"
_PARTNERSHIP_STATES = "CHECK (state IN ('applied', 'approved', 'accepted', 'declined', 'left'))"


def upgrade() -> None:
    """Create the tables of offers."""
    op.execute(
        f"""
        CREATE TABLE offer (
          id uuid NOT NULL CONSTRAINT pk_offer PRIMARY KEY,
          shop_id uuid NOT NULL CONSTRAINT fk_offer_shop_id_shop REFERENCES shop (id),
          code text NOT NULL CONSTRAINT uq_offer_code UNIQUE,
          name text NOT NULL, description text NOT NULL, currency char(3) NOT NULL,
          notice_days bigint NOT NULL CONSTRAINT ck_offer_notice_days CHECK (notice_days BETWEEN 0 AND 90),
          state text NOT NULL DEFAULT 'draft' CONSTRAINT ck_offer_state {_OFFER_STATES},
          created_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT uq_offer_id_shop_id_currency UNIQUE (id, shop_id, currency)
        )
        """
    )
    op.execute("CREATE INDEX ix_offer_shop_id_id ON offer (shop_id, id)")
    op.execute(
        f"""
        CREATE TABLE offer_state (
          id uuid NOT NULL CONSTRAINT pk_offer_state PRIMARY KEY,
          offer_id uuid NOT NULL CONSTRAINT fk_offer_state_offer_id_offer REFERENCES offer (id),
          shop_id uuid NOT NULL CONSTRAINT fk_offer_state_shop_id_shop REFERENCES shop (id),
          state text NOT NULL CONSTRAINT ck_offer_state_state {_OFFER_STATES},
          from_at timestamptz NOT NULL, actor text NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute("CREATE INDEX ix_offer_state_offer_id_from_at ON offer_state (offer_id, from_at, id)")
    op.execute(
        """
        CREATE TABLE commission_terms (
          id uuid NOT NULL CONSTRAINT pk_commission_terms PRIMARY KEY,
          offer_id uuid NOT NULL, shop_id uuid NOT NULL, currency char(3) NOT NULL,
          version bigint NOT NULL CONSTRAINT ck_commission_terms_version CHECK (version >= 1),
          effective_from timestamptz NOT NULL, published_at timestamptz NOT NULL,
          published_by uuid CONSTRAINT fk_commission_terms_published_by_user_account REFERENCES user_account (id),
          document jsonb NOT NULL,
          sha256 bytea NOT NULL CONSTRAINT ck_commission_terms_sha256 CHECK (length(sha256) = 32),
          window_days bigint NOT NULL
            CONSTRAINT ck_commission_terms_window_days CHECK (window_days BETWEEN 1 AND 365),
          hold_days bigint NOT NULL CONSTRAINT ck_commission_terms_hold_days CHECK (hold_days BETWEEN 0 AND 180),
          created_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT uq_commission_terms_offer_id_version UNIQUE (offer_id, version),
          CONSTRAINT ck_commission_terms_effective_from CHECK (effective_from >= published_at),
          CONSTRAINT fk_commission_terms_offer_id_offer
            FOREIGN KEY (offer_id, shop_id, currency) REFERENCES offer (id, shop_id, currency)
        )
        """
    )
    op.execute(
        "CREATE INDEX ix_commission_terms_offer_id_effective_from"
        " ON commission_terms (offer_id, effective_from, version)"
    )
    op.execute(
        f"""
        CREATE TABLE partnership (
          id uuid NOT NULL CONSTRAINT pk_partnership PRIMARY KEY,
          offer_id uuid NOT NULL CONSTRAINT fk_partnership_offer_id_offer REFERENCES offer (id),
          shop_id uuid NOT NULL CONSTRAINT fk_partnership_shop_id_shop REFERENCES shop (id),
          adviser_id uuid NOT NULL CONSTRAINT fk_partnership_adviser_id_adviser REFERENCES adviser (id),
          state text NOT NULL CONSTRAINT ck_partnership_state {_PARTNERSHIP_STATES},
          message text NOT NULL,
          applied_at timestamptz NOT NULL, approved_at timestamptz, accepted_at timestamptz,
          declined_at timestamptz, left_at timestamptz,
          accepted_terms_id uuid
            CONSTRAINT fk_partnership_accepted_terms_id_commission_terms REFERENCES commission_terms (id),
          created_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT uq_partnership_offer_id_adviser_id UNIQUE (offer_id, adviser_id),
          CONSTRAINT ck_partnership_accepted
            CHECK (state <> 'accepted' OR (accepted_at IS NOT NULL AND accepted_terms_id IS NOT NULL))
        )
        """
    )
    op.execute("CREATE INDEX ix_partnership_shop_id_id ON partnership (shop_id, id)")
    op.execute("CREATE INDEX ix_partnership_adviser_id_id ON partnership (adviser_id, id)")
    op.execute(
        f"""
        CREATE TABLE partnership_event (
          id uuid NOT NULL CONSTRAINT pk_partnership_event PRIMARY KEY,
          partnership_id uuid NOT NULL
            CONSTRAINT fk_partnership_event_partnership_id_partnership REFERENCES partnership (id),
          offer_id uuid NOT NULL CONSTRAINT fk_partnership_event_offer_id_offer REFERENCES offer (id),
          shop_id uuid NOT NULL CONSTRAINT fk_partnership_event_shop_id_shop REFERENCES shop (id),
          adviser_id uuid NOT NULL CONSTRAINT fk_partnership_event_adviser_id_adviser REFERENCES adviser (id),
          state text NOT NULL CONSTRAINT ck_partnership_event_state {_PARTNERSHIP_STATES},
          from_at timestamptz NOT NULL, actor text NOT NULL,
          terms_id uuid CONSTRAINT fk_partnership_event_terms_id_commission_terms REFERENCES commission_terms (id),
          created_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT ck_partnership_event_terms CHECK ((state = 'accepted') = (terms_id IS NOT NULL))
        )
        """
    )
    op.execute(
        "CREATE INDEX ix_partnership_event_offer_id_adviser_id"
        " ON partnership_event (offer_id, adviser_id, from_at, id)"
    )
    append_only(op, "offer_state", "commission_terms", "partnership_event")
    # Only what may change can be changed: an offer's shop, code and currency, and whose partnership it is, can't.
    grant(op, "app", "SELECT, INSERT, UPDATE (name, description, state)", "offer")
    grant(
        op,
        "app",
        "SELECT, INSERT, UPDATE (state, message, applied_at, approved_at, accepted_at, declined_at, left_at,"
        " accepted_terms_id)",
        "partnership",
    )
    grant(op, "app", "SELECT, INSERT", "offer_state", "commission_terms", "partnership_event")
    grant(
        op, "worker", "SELECT", "offer", "offer_state", "commission_terms", "partnership", "partnership_event"
    )


def downgrade() -> None:
    """Drop the tables of offers."""
    for table in ("partnership_event", "partnership", "commission_terms", "offer_state", "offer"):
        op.execute(f"DROP TABLE {table}")
