"""A shop proves its site by a DNS record too, and takes back one that waits for its proof.

A site that was taken back keeps its row and its token, so that it can be named again with what was placed already. No
site that was proved can be taken back: links lead there.

Locks: `shop_domain` ACCESS EXCLUSIVE for as long as it takes to read the table once (a check that takes one more word,
a column without a value).
"""

from __future__ import annotations

from alembic import op

from migrations.grants import grant

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def _proofs(*words: str) -> str:
    listed = ", ".join(f"'{word}'" for word in words)
    return (
        "ALTER TABLE shop_domain DROP CONSTRAINT ck_shop_domain_proof,"
        f" ADD CONSTRAINT ck_shop_domain_proof CHECK (proof IN ({listed}))"
    )


def upgrade() -> None:
    """Let a DNS record be a proof, and a waiting site be taken back."""
    op.execute(_proofs("file", "meta", "dns"))
    op.execute(
        "ALTER TABLE shop_domain ADD COLUMN withdrawn_at timestamptz, ADD CONSTRAINT ck_shop_domain_withdrawn_at"
        " CHECK (verified_at IS NULL OR withdrawn_at IS NULL)"
    )
    grant(op, "app", "UPDATE (withdrawn_at)", "shop_domain")


def downgrade() -> None:
    """Forget what was taken back; who chose DNS proves by a file again, and what was proved stays so."""
    op.execute("ALTER TABLE shop_domain DROP COLUMN withdrawn_at")
    op.execute("UPDATE shop_domain SET proof = 'file' WHERE proof = 'dns'")
    op.execute(_proofs("file", "meta"))
