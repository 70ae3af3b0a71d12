"""Questions and answers, votes, follows, reviews and reports of pages.

Locks: SHARE ROW EXCLUSIVE on `adviser`, `shop`, `product`, `user_account` and `advice_page` for an instant each, while
foreign keys to them are made; the tables are new.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import grant
from migrations.row_security import adviser, either, enable, permit, person, role, shop

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

ADMIN = role("admin")
DOOR = role("door")
LOOKING = role("finance", "admin", "watch")
DIALOGUE = """
CREATE TABLE question (
  id uuid NOT NULL CONSTRAINT pk_question PRIMARY KEY,
  page_id uuid,
  adviser_id uuid CONSTRAINT fk_question_adviser_id_adviser REFERENCES adviser,
  product_id uuid CONSTRAINT fk_question_product_id_product REFERENCES product,
  shop_id uuid CONSTRAINT fk_question_shop_id_shop REFERENCES shop,
  language text NOT NULL CONSTRAINT ck_question_language CHECK (language IN ('nl', 'en')),
  body text NOT NULL,
  asker_name text,
  state text NOT NULL DEFAULT 'waiting'
    CONSTRAINT ck_question_state CHECK (state IN ('waiting', 'answered', 'set_aside', 'hidden')),
  reason text,
  asked_at timestamptz NOT NULL,
  answered_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ck_question_asked_of CHECK (adviser_id IS NOT NULL OR shop_id IS NOT NULL),
  CONSTRAINT ck_question_page CHECK (page_id IS NULL OR adviser_id IS NOT NULL),
  CONSTRAINT ck_question_product CHECK ((product_id IS NULL) = (shop_id IS NULL)),
  CONSTRAINT ck_question_reason CHECK (state NOT IN ('set_aside', 'hidden') OR reason IS NOT NULL),
  CONSTRAINT fk_question_page_id_advice_page
    FOREIGN KEY (page_id, adviser_id) REFERENCES advice_page (id, adviser_id)
);
CREATE INDEX ix_question_page_id_id ON question (page_id, id);
CREATE INDEX ix_question_adviser_id_id ON question (adviser_id, id);
CREATE INDEX ix_question_shop_id_id ON question (shop_id, id);
CREATE INDEX ix_question_product_id_id ON question (product_id, id);
CREATE TABLE question_asker (
  question_id uuid NOT NULL CONSTRAINT pk_question_asker PRIMARY KEY
    CONSTRAINT fk_question_asker_question_id_question REFERENCES question,
  user_id uuid CONSTRAINT fk_question_asker_user_id_user_account REFERENCES user_account,
  email text,
  consented_at timestamptz,
  CONSTRAINT ck_question_asker_reader CHECK ((user_id IS NULL) <> (email IS NULL)),
  CONSTRAINT ck_question_asker_consented CHECK (email IS NULL OR consented_at IS NOT NULL)
);
CREATE TABLE answer (
  id uuid NOT NULL CONSTRAINT pk_answer PRIMARY KEY,
  question_id uuid NOT NULL CONSTRAINT fk_answer_question_id_question REFERENCES question,
  by_role text NOT NULL CONSTRAINT ck_answer_by_role CHECK (by_role IN ('adviser', 'shop')),
  adviser_id uuid CONSTRAINT fk_answer_adviser_id_adviser REFERENCES adviser,
  shop_id uuid CONSTRAINT fk_answer_shop_id_shop REFERENCES shop,
  user_id uuid NOT NULL CONSTRAINT fk_answer_user_id_user_account REFERENCES user_account,
  body text NOT NULL,
  product_id uuid CONSTRAINT fk_answer_product_id_product REFERENCES product,
  state text NOT NULL DEFAULT 'shown' CONSTRAINT ck_answer_state CHECK (state IN ('shown', 'hidden')),
  reason text,
  answered_at timestamptz NOT NULL,
  told_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ck_answer_by CHECK ((by_role = 'adviser') = (adviser_id IS NOT NULL)
    AND (by_role = 'shop') = (shop_id IS NOT NULL)),
  CONSTRAINT ck_answer_reason CHECK (state <> 'hidden' OR reason IS NOT NULL)
);
CREATE INDEX ix_answer_question_id_id ON answer (question_id, id);
CREATE INDEX ix_answer_untold ON answer (id) WHERE told_at IS NULL;
CREATE TABLE saved_answer (
  id uuid NOT NULL CONSTRAINT pk_saved_answer PRIMARY KEY,
  adviser_id uuid NOT NULL CONSTRAINT fk_saved_answer_adviser_id_adviser REFERENCES adviser,
  title text NOT NULL,
  body text NOT NULL,
  saved_at timestamptz NOT NULL,
  removed_at timestamptz
);
CREATE INDEX ix_saved_answer_adviser_id ON saved_answer (adviser_id);
CREATE TABLE follow (
  id uuid NOT NULL CONSTRAINT pk_follow PRIMARY KEY,
  adviser_id uuid NOT NULL CONSTRAINT fk_follow_adviser_id_adviser REFERENCES adviser,
  user_id uuid CONSTRAINT fk_follow_user_id_user_account REFERENCES user_account,
  email text, email_key text,
  language text NOT NULL CONSTRAINT ck_follow_language CHECK (language IN ('nl', 'en')),
  state text NOT NULL DEFAULT 'pending'
    CONSTRAINT ck_follow_state CHECK (state IN ('pending', 'confirmed', 'ended')),
  token_hash bytea CONSTRAINT uq_follow_token_hash UNIQUE,
  asked_at timestamptz NOT NULL, confirmed_at timestamptz, ended_at timestamptz, told_until timestamptz,
  CONSTRAINT uq_follow_adviser_id_user_id UNIQUE (adviser_id, user_id),
  CONSTRAINT uq_follow_adviser_id_email_key UNIQUE (adviser_id, email_key),
  CONSTRAINT ck_follow_reader CHECK ((user_id IS NULL) <> (email IS NULL)),
  CONSTRAINT ck_follow_email_key CHECK ((email IS NULL) = (email_key IS NULL))
)
"""
JUDGING = """
CREATE TABLE review (
  id uuid NOT NULL CONSTRAINT pk_review PRIMARY KEY,
  product_id uuid NOT NULL CONSTRAINT fk_review_product_id_product REFERENCES product,
  shop_id uuid NOT NULL CONSTRAINT fk_review_shop_id_shop REFERENCES shop,
  user_id uuid CONSTRAINT fk_review_user_id_user_account REFERENCES user_account,
  language text NOT NULL CONSTRAINT ck_review_language CHECK (language IN ('nl', 'en')),
  stars bigint NOT NULL CONSTRAINT ck_review_stars CHECK (stars BETWEEN 1 AND 5),
  title text NOT NULL, body text NOT NULL, reviewer_name text NOT NULL,
  proof text NOT NULL DEFAULT 'none'
    CONSTRAINT ck_review_proof CHECK (proof IN ('none', 'asked', 'found', 'not_found')),
  state text NOT NULL DEFAULT 'shown' CONSTRAINT ck_review_state CHECK (state IN ('shown', 'hidden')),
  reason text,
  reviewed_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ck_review_reason CHECK (state <> 'hidden' OR reason IS NOT NULL)
);
CREATE INDEX ix_review_product_id_id ON review (product_id, id);
CREATE INDEX ix_review_shop_id_id ON review (shop_id, id);
CREATE INDEX ix_review_asked ON review (id) WHERE proof = 'asked';
CREATE TABLE review_proof (
  review_id uuid NOT NULL CONSTRAINT pk_review_proof PRIMARY KEY
    CONSTRAINT fk_review_proof_review_id_review REFERENCES review,
  shop_id uuid NOT NULL CONSTRAINT fk_review_proof_shop_id_shop REFERENCES shop,
  order_ref text NOT NULL,
  email_sha256 text NOT NULL CONSTRAINT ck_review_proof_email_sha256 CHECK (email_sha256 ~ '^[0-9a-f]{64}$')
);
CREATE TABLE page_report (
  id uuid NOT NULL CONSTRAINT pk_page_report PRIMARY KEY,
  page_id uuid NOT NULL,
  adviser_id uuid NOT NULL,
  reason text NOT NULL CONSTRAINT ck_page_report_reason CHECK (reason IN ('hidden_ad', 'misleading', 'wrong_facts',
    'illegal', 'hateful', 'privacy', 'copied', 'other')),
  statement text NOT NULL,
  email text,
  consented_at timestamptz,
  language text NOT NULL,
  receipt_hash bytea NOT NULL CONSTRAINT uq_page_report_receipt_hash UNIQUE,
  state text NOT NULL DEFAULT 'received'
    CONSTRAINT ck_page_report_state CHECK (state IN ('received', 'upheld', 'rejected')),
  told_state text NOT NULL DEFAULT 'received',
  decision text,
  decided_by uuid CONSTRAINT fk_page_report_decided_by_user_account REFERENCES user_account,
  decided_at timestamptz,
  reported_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ck_page_report_decided CHECK ((state = 'received') = (decided_at IS NULL)
    AND (state = 'received') = (decision IS NULL) AND (state = 'received') = (decided_by IS NULL)),
  CONSTRAINT ck_page_report_consented CHECK (email IS NULL OR consented_at IS NOT NULL),
  CONSTRAINT fk_page_report_page_id_advice_page
    FOREIGN KEY (page_id, adviser_id) REFERENCES advice_page (id, adviser_id)
);
CREATE INDEX ix_page_report_page_id ON page_report (page_id);
CREATE INDEX ix_page_report_open ON page_report (id) WHERE state = 'received';
CREATE INDEX ix_page_report_untold ON page_report (id) WHERE told_state <> state AND email IS NOT NULL;
CREATE TABLE useful_vote (
  id uuid NOT NULL CONSTRAINT pk_useful_vote PRIMARY KEY,
  page_id uuid CONSTRAINT fk_useful_vote_page_id_advice_page REFERENCES advice_page,
  answer_id uuid CONSTRAINT fk_useful_vote_answer_id_answer REFERENCES answer,
  review_id uuid CONSTRAINT fk_useful_vote_review_id_review REFERENCES review,
  reader bytea NOT NULL CONSTRAINT ck_useful_vote_reader CHECK (length(reader) = 32),
  at timestamptz NOT NULL,
  taken_back_at timestamptz,
  CONSTRAINT ck_useful_vote_about_one CHECK (num_nonnulls(page_id, answer_id, review_id) = 1),
  CONSTRAINT uq_useful_vote_page_id_reader UNIQUE (page_id, reader),
  CONSTRAINT uq_useful_vote_answer_id_reader UNIQUE (answer_id, reader),
  CONSTRAINT uq_useful_vote_review_id_reader UNIQUE (review_id, reader)
)
"""
FOLLOWERS = """
CREATE VIEW public_followers WITH (security_barrier) AS
  SELECT adviser_id, count(*) AS followers FROM follow WHERE state = 'confirmed' GROUP BY adviser_id
"""
LOCKED = (
    "question",
    "question_asker",
    "answer",
    "saved_answer",
    "follow",
    "review",
    "review_proof",
    "page_report",
)
NOBODY_OR_SELF = f"(user_id IS NULL OR {person()})"


def upgrade() -> None:
    """Make the tables; who may read what readers left behind is told row by row."""
    op.execute(DIALOGUE)
    op.execute(JUDGING)
    enable(op, *LOCKED)
    for table in ("question", "answer", "saved_answer", "follow", "review", "page_report", "useful_vote"):
        grant(op, "app", "SELECT, INSERT", table)
        grant(op, "worker", "SELECT", table)
    for table in ("question_asker", "review_proof"):
        grant(op, "app", "INSERT", table)
        grant(op, "worker", "SELECT", table)
    grant(op, "app", "UPDATE (state, reason, answered_at)", "question")
    grant(op, "app", "UPDATE (state, reason)", "answer", "review")
    grant(op, "app", "UPDATE (removed_at)", "saved_answer")
    grant(
        op,
        "app",
        "UPDATE (state, token_hash, language, asked_at, confirmed_at, ended_at, told_until)",
        "follow",
    )
    grant(op, "app", "UPDATE (state, decision, decided_by, decided_at)", "page_report")
    grant(op, "app", "UPDATE (taken_back_at)", "useful_vote")
    grant(op, "worker", "UPDATE (told_at)", "answer")
    grant(op, "worker", "UPDATE (proof)", "review")
    grant(op, "worker", "UPDATE (told_until, token_hash)", "follow")
    grant(op, "worker", "UPDATE (told_state)", "page_report")

    permit(op, "question", "app", "select", either("state = 'answered'", adviser(), shop(), LOOKING))
    permit(op, "question", "app", "insert", None, "state = 'waiting' AND answered_at IS NULL")
    permit(
        op,
        "question",
        "app",
        "update",
        either(adviser(), shop(), ADMIN),
        either(f"{adviser()} AND state <> 'hidden'", f"{shop()} AND state IN ('waiting', 'answered')", ADMIN),
    )
    permit(op, "question_asker", "app", "insert", None, NOBODY_OR_SELF)
    permit(op, "answer", "app", "select", either("state = 'shown'", adviser(), shop(), LOOKING))
    permit(
        op,
        "answer",
        "app",
        "insert",
        None,
        f"{person()} AND state = 'shown' AND told_at IS NULL AND ({either(adviser(), shop())})",
    )
    permit(op, "answer", "app", "update", ADMIN)
    permit(op, "saved_answer", "app", "all", adviser())
    permit(op, "follow", "app", "select", either(person(), DOOR))
    permit(op, "follow", "app", "insert", None, either(person(), f"{DOOR} AND state = 'pending'"))
    permit(op, "follow", "app", "update", either(person(), DOOR))
    permit(op, "review", "app", "select", either("state = 'shown'", shop(), LOOKING))
    permit(
        op,
        "review",
        "app",
        "insert",
        None,
        f"{NOBODY_OR_SELF} AND state = 'shown' AND proof IN ('none', 'asked')",
    )
    permit(op, "review", "app", "update", ADMIN)
    permit(op, "review_proof", "app", "insert", None, "true")
    permit(op, "page_report", "app", "select", either(LOOKING, DOOR))
    permit(op, "page_report", "app", "insert", None, "state = 'received' AND told_state = 'received'")
    permit(op, "page_report", "app", "update", ADMIN, f"{ADMIN} AND {person('decided_by')}")
    for table in LOCKED:
        permit(op, table, "worker", "all", "true")
    op.execute(FOLLOWERS)
    grant(op, "app", "SELECT", "public_followers")
    # The worker writes to readers, and calls advisers by their name.
    grant(op, "worker", "SELECT", "public_adviser")


def downgrade() -> None:
    """Forget what readers said."""
    op.execute("REVOKE SELECT ON public_adviser FROM aanrader_worker")
    op.execute("DROP VIEW public_followers")
    op.execute(
        "DROP TABLE useful_vote, page_report, review_proof, review, follow, saved_answer, answer,"
        " question_asker, question"
    )
