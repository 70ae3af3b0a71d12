"""Accounts: people and what proves them, shops with members and domains, advisers with the history of their state.

Locks: none that anybody waits for; every table is new. The web role may not write a person's role, so that no request
can make somebody of finance or admin; the composite keys (user, role) make PostgreSQL refuse that such a person
works for a shop or advises.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import append_only, grant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = (
    "user_account", "recovery_code", "auth_session", "email_token", "shop", "shop_contract", "shop_domain",
    "membership", "invitation", "adviser", "adviser_state", "api_key", "agreement",
)  # fmt: skip
# What a web request may change after a row was made; all other columns stay as they were.
CHANGEABLE = {
    "user_account": (
        "name, locale, password_hash, session_key, email_verified_at, totp_secret, totp_pending, totp_last_step,"
        " suspended_at"
    ),
    "recovery_code": "burned_at",
    "auth_session": "password_at, totp_at, last_seen_at, revoked_at",
    "email_token": "used_at, password_hash",
    "shop": "name, legal_name, registration_no, vat_no, consent_mode, state",
    "shop_domain": "proof, verified_at",
    "membership": "role, removed_at",
    "invitation": "accepted_at, accepted_by, revoked_at",
    "adviser": "display_name, country, kind, vat_status, vat_no, state",
    "api_key": "last_used_at, revoked_at",
}
SEEN_BY_WORKER = (
    "user_account", "shop", "shop_contract", "shop_domain", "membership", "adviser", "adviser_state", "agreement",
)  # fmt: skip


def upgrade() -> None:
    """Create the tables of accounts."""
    op.execute(
        """
        CREATE TABLE user_account (
          id uuid NOT NULL,
          email text NOT NULL,
          email_key text NOT NULL,
          name text NOT NULL,
          locale text DEFAULT 'nl' NOT NULL,
          role text DEFAULT 'member' NOT NULL,
          password_hash text NOT NULL,
          session_key text NOT NULL,
          email_verified_at timestamptz,
          totp_secret text,
          totp_pending text,
          totp_last_step bigint,
          suspended_at timestamptz,
          created_at timestamptz DEFAULT now() NOT NULL,
          CONSTRAINT pk_user_account PRIMARY KEY (id),
          CONSTRAINT ck_user_account_role CHECK (role IN ('member', 'finance', 'admin')),
          CONSTRAINT ck_user_account_locale CHECK (locale IN ('nl', 'en')),
          CONSTRAINT uq_user_account_id_role UNIQUE (id, role),
          CONSTRAINT uq_user_account_email_key UNIQUE (email_key)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE recovery_code (
          id uuid NOT NULL,
          user_id uuid NOT NULL,
          code_hash bytea NOT NULL,
          burned_at timestamptz,
          created_at timestamptz DEFAULT now() NOT NULL,
          CONSTRAINT pk_recovery_code PRIMARY KEY (id),
          CONSTRAINT uq_recovery_code_user_id_code_hash UNIQUE (user_id, code_hash),
          CONSTRAINT fk_recovery_code_user_id_user_account FOREIGN KEY (user_id) REFERENCES user_account (id)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE auth_session (
          id uuid NOT NULL,
          user_id uuid NOT NULL,
          kind text NOT NULL,
          token_hash bytea NOT NULL,
          session_key text NOT NULL,
          password_at timestamptz NOT NULL,
          totp_at timestamptz,
          address_net text,
          last_seen_at timestamptz NOT NULL,
          expires_at timestamptz NOT NULL,
          revoked_at timestamptz,
          created_at timestamptz DEFAULT now() NOT NULL,
          CONSTRAINT pk_auth_session PRIMARY KEY (id),
          CONSTRAINT uq_auth_session_token_hash UNIQUE (token_hash),
          CONSTRAINT ck_auth_session_kind CHECK (kind IN ('cookie', 'token')),
          CONSTRAINT fk_auth_session_user_id_user_account FOREIGN KEY (user_id) REFERENCES user_account (id)
        )
        """
    )
    op.execute("CREATE INDEX ix_auth_session_user_id ON auth_session (user_id)")
    op.execute(
        """
        CREATE TABLE email_token (
          id uuid NOT NULL,
          user_id uuid NOT NULL,
          purpose text NOT NULL,
          token_hash bytea NOT NULL,
          password_hash text,
          expires_at timestamptz NOT NULL,
          used_at timestamptz,
          created_at timestamptz DEFAULT now() NOT NULL,
          CONSTRAINT pk_email_token PRIMARY KEY (id),
          CONSTRAINT uq_email_token_token_hash UNIQUE (token_hash),
          CONSTRAINT ck_email_token_purpose CHECK (purpose IN ('verify', 'reset')),
          CONSTRAINT fk_email_token_user_id_user_account FOREIGN KEY (user_id) REFERENCES user_account (id)
        )
        """
    )
    op.execute("CREATE INDEX ix_email_token_user_id ON email_token (user_id)")
    op.execute(
        """
        CREATE TABLE shop (
          id uuid NOT NULL,
          code text NOT NULL,
          name text NOT NULL,
          legal_name text NOT NULL,
          registration_no text NOT NULL,
          vat_no text,
          country CHAR(2) NOT NULL,
          currency CHAR(3) NOT NULL,
          state text DEFAULT 'draft' NOT NULL,
          consent_mode text DEFAULT 'none' NOT NULL,
          created_at timestamptz DEFAULT now() NOT NULL,
          CONSTRAINT pk_shop PRIMARY KEY (id),
          CONSTRAINT uq_shop_code UNIQUE (code),
          CONSTRAINT ck_shop_state CHECK (state IN ('draft', 'live', 'closing', 'closed')),
          CONSTRAINT ck_shop_consent_mode CHECK (consent_mode IN ('none', 'exempt', 'strict'))
        )
        """
    )
    op.execute(
        """
        CREATE TABLE shop_contract (
          id uuid NOT NULL,
          shop_id uuid NOT NULL,
          version bigint NOT NULL,
          fee_bp bigint NOT NULL,
          effective_from timestamptz NOT NULL,
          created_at timestamptz DEFAULT now() NOT NULL,
          CONSTRAINT pk_shop_contract PRIMARY KEY (id),
          CONSTRAINT uq_shop_contract_shop_id_version UNIQUE (shop_id, version),
          CONSTRAINT ck_shop_contract_fee_bp CHECK (fee_bp BETWEEN 0 AND 10000),
          CONSTRAINT fk_shop_contract_shop_id_shop FOREIGN KEY (shop_id) REFERENCES shop (id)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE shop_domain (
          id uuid NOT NULL,
          shop_id uuid NOT NULL,
          host text NOT NULL,
          proof text NOT NULL,
          proof_token text NOT NULL,
          verified_at timestamptz,
          created_at timestamptz DEFAULT now() NOT NULL,
          CONSTRAINT pk_shop_domain PRIMARY KEY (id),
          CONSTRAINT uq_shop_domain_shop_id_host UNIQUE (shop_id, host),
          CONSTRAINT ck_shop_domain_proof CHECK (proof IN ('file', 'meta')),
          CONSTRAINT fk_shop_domain_shop_id_shop FOREIGN KEY (shop_id) REFERENCES shop (id)
        )
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX uq_shop_domain_verified_host ON shop_domain (host) WHERE verified_at IS NOT NULL"
    )
    op.execute(
        """
        CREATE TABLE membership (
          id uuid NOT NULL,
          user_id uuid NOT NULL,
          user_role text DEFAULT 'member' NOT NULL,
          shop_id uuid NOT NULL,
          role text NOT NULL,
          removed_at timestamptz,
          created_at timestamptz DEFAULT now() NOT NULL,
          CONSTRAINT pk_membership PRIMARY KEY (id),
          CONSTRAINT ck_membership_role CHECK (role IN ('owner', 'staff')),
          CONSTRAINT ck_membership_user_role CHECK (user_role = 'member'),
          CONSTRAINT fk_membership_user_id_user_account FOREIGN KEY (user_id, user_role) REFERENCES user_account (id, role),
          CONSTRAINT fk_membership_shop_id_shop FOREIGN KEY (shop_id) REFERENCES shop (id)
        )
        """
    )
    op.execute("CREATE INDEX ix_membership_shop_id ON membership (shop_id)")
    op.execute(
        "CREATE UNIQUE INDEX uq_membership_present ON membership (user_id, shop_id) WHERE removed_at IS NULL"
    )
    op.execute(
        """
        CREATE TABLE invitation (
          id uuid NOT NULL,
          shop_id uuid NOT NULL,
          email text NOT NULL,
          email_key text NOT NULL,
          role text NOT NULL,
          token_hash bytea NOT NULL,
          invited_by uuid NOT NULL,
          expires_at timestamptz NOT NULL,
          accepted_at timestamptz,
          accepted_by uuid,
          revoked_at timestamptz,
          created_at timestamptz DEFAULT now() NOT NULL,
          CONSTRAINT pk_invitation PRIMARY KEY (id),
          CONSTRAINT uq_invitation_token_hash UNIQUE (token_hash),
          CONSTRAINT ck_invitation_role CHECK (role IN ('owner', 'staff')),
          CONSTRAINT fk_invitation_shop_id_shop FOREIGN KEY (shop_id) REFERENCES shop (id),
          CONSTRAINT fk_invitation_invited_by_user_account FOREIGN KEY (invited_by) REFERENCES user_account (id),
          CONSTRAINT fk_invitation_accepted_by_user_account FOREIGN KEY (accepted_by) REFERENCES user_account (id)
        )
        """
    )
    op.execute("CREATE INDEX ix_invitation_shop_id ON invitation (shop_id)")
    op.execute(
        """
        CREATE TABLE adviser (
          id uuid NOT NULL,
          user_id uuid NOT NULL,
          user_role text DEFAULT 'member' NOT NULL,
          code text NOT NULL,
          display_name text NOT NULL,
          country CHAR(2) NOT NULL,
          kind text NOT NULL,
          vat_status text DEFAULT 'unknown' NOT NULL,
          vat_no text,
          state text DEFAULT 'active' NOT NULL,
          created_at timestamptz DEFAULT now() NOT NULL,
          CONSTRAINT pk_adviser PRIMARY KEY (id),
          CONSTRAINT uq_adviser_user_id UNIQUE (user_id),
          CONSTRAINT uq_adviser_code UNIQUE (code),
          CONSTRAINT ck_adviser_kind CHECK (kind IN ('expert', 'celebrity', 'user', 'friend')),
          CONSTRAINT ck_adviser_vat_status CHECK (vat_status IN ('unknown', 'private', 'small_business', 'registered')),
          CONSTRAINT ck_adviser_vat_no CHECK (vat_status <> 'registered' OR vat_no IS NOT NULL),
          CONSTRAINT ck_adviser_state CHECK (state IN ('active', 'banned', 'closing', 'closed')),
          CONSTRAINT ck_adviser_user_role CHECK (user_role = 'member'),
          CONSTRAINT fk_adviser_user_id_user_account FOREIGN KEY (user_id, user_role) REFERENCES user_account (id, role)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE adviser_state (
          id uuid NOT NULL,
          adviser_id uuid NOT NULL,
          state text NOT NULL,
          from_at timestamptz NOT NULL,
          created_at timestamptz DEFAULT now() NOT NULL,
          CONSTRAINT pk_adviser_state PRIMARY KEY (id),
          CONSTRAINT ck_adviser_state_state CHECK (state IN ('active', 'banned', 'closing', 'closed')),
          CONSTRAINT fk_adviser_state_adviser_id_adviser FOREIGN KEY (adviser_id) REFERENCES adviser (id)
        )
        """
    )
    op.execute("CREATE INDEX ix_adviser_state_adviser_id_from_at ON adviser_state (adviser_id, from_at)")
    op.execute(
        """
        CREATE TABLE api_key (
          id uuid NOT NULL,
          user_id uuid NOT NULL,
          shop_id uuid,
          adviser_id uuid,
          name text NOT NULL,
          mode text NOT NULL,
          prefix text NOT NULL,
          key_hash bytea NOT NULL,
          scopes text[] DEFAULT '{}' NOT NULL,
          last_used_at timestamptz,
          revoked_at timestamptz,
          created_at timestamptz DEFAULT now() NOT NULL,
          CONSTRAINT pk_api_key PRIMARY KEY (id),
          CONSTRAINT uq_api_key_key_hash UNIQUE (key_hash),
          CONSTRAINT ck_api_key_mode CHECK (mode IN ('live', 'test')),
          CONSTRAINT ck_api_key_one_tenant CHECK (shop_id IS NULL OR adviser_id IS NULL),
          CONSTRAINT fk_api_key_user_id_user_account FOREIGN KEY (user_id) REFERENCES user_account (id),
          CONSTRAINT fk_api_key_shop_id_shop FOREIGN KEY (shop_id) REFERENCES shop (id),
          CONSTRAINT fk_api_key_adviser_id_adviser FOREIGN KEY (adviser_id) REFERENCES adviser (id)
        )
        """
    )
    op.execute("CREATE INDEX ix_api_key_adviser_id ON api_key (adviser_id)")
    op.execute("CREATE INDEX ix_api_key_shop_id ON api_key (shop_id)")
    op.execute("CREATE INDEX ix_api_key_user_id ON api_key (user_id)")
    op.execute(
        """
        CREATE TABLE agreement (
          id uuid NOT NULL,
          kind text NOT NULL,
          version bigint NOT NULL,
          sha256 text NOT NULL,
          user_id uuid NOT NULL,
          shop_id uuid,
          adviser_id uuid,
          accepted_at timestamptz NOT NULL,
          CONSTRAINT pk_agreement PRIMARY KEY (id),
          CONSTRAINT ck_agreement_kind CHECK (kind IN ('terms', 'data_processing', 'self_billing')),
          CONSTRAINT ck_agreement_one_tenant CHECK (shop_id IS NULL OR adviser_id IS NULL),
          CONSTRAINT ck_agreement_sha256 CHECK (length(sha256) = 64),
          CONSTRAINT fk_agreement_user_id_user_account FOREIGN KEY (user_id) REFERENCES user_account (id),
          CONSTRAINT fk_agreement_shop_id_shop FOREIGN KEY (shop_id) REFERENCES shop (id),
          CONSTRAINT fk_agreement_adviser_id_adviser FOREIGN KEY (adviser_id) REFERENCES adviser (id)
        )
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX uq_agreement_once ON agreement (kind, version, user_id, shop_id, adviser_id) NULLS NOT DISTINCT"
    )
    append_only(op, "shop_contract", "adviser_state", "agreement")
    grant(op, "app", "SELECT", *TABLES)
    grant(op, "app", "INSERT", *(table for table in TABLES if table != "user_account"))
    # Everything of a new person but the role, whose default is member.
    grant(
        op, "app", f"INSERT (id, email, email_key, created_at, {CHANGEABLE['user_account']})", "user_account"
    )
    for table, columns in CHANGEABLE.items():
        grant(op, "app", f"UPDATE ({columns})", table)
    grant(op, "worker", "SELECT", *SEEN_BY_WORKER)
    # The command that makes people of finance and admin runs as the worker, never in a web process.
    grant(op, "worker", "INSERT", "user_account")


def downgrade() -> None:
    """Drop the tables of accounts."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table}")
