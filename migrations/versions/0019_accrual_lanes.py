"""Accrual by lanes: batches that are posted at once share no shop, so none waits for another's locks on a budget.

Locks: `accrual_due` while its column and key are made, some microseconds for each move that is due.
"""

from __future__ import annotations

import importlib
from typing import Any

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# A lane is the shops whose id ends in the same six bits. 64 are many times more than there are workers, and few enough
# to be looked through for every claim, and to lock all of them. Whether a move is an approval is said here too: only
# such may have to wait, and looking it up for each move costs more than the byte.
QUEUE = """
CREATE FUNCTION accrual_lane(shop uuid) RETURNS smallint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (get_byte(uuid_send(shop), 15) & 63)\\:\\:smallint;
ALTER TABLE accrual_due ADD COLUMN lane smallint, ADD COLUMN is_approval boolean;
UPDATE accrual_due d SET lane = accrual_lane(c.shop_id), is_approval = m.kind = 'approved'
  FROM commission_move m JOIN commission c ON c.id = m.commission_id WHERE m.id = d.move_id;
ALTER TABLE accrual_due ALTER COLUMN lane SET NOT NULL, ALTER COLUMN is_approval SET NOT NULL,
  DROP CONSTRAINT pk_accrual_due, ADD CONSTRAINT pk_accrual_due PRIMARY KEY (lane, move_id)
"""
QUEUE_BEFORE = """
ALTER TABLE accrual_due DROP CONSTRAINT pk_accrual_due, ADD CONSTRAINT pk_accrual_due PRIMARY KEY (move_id),
  DROP COLUMN lane, DROP COLUMN is_approval;
DROP FUNCTION accrual_lane(uuid)
"""

# What is taken out is looked up by key, whatever the planner believed of a queue when the session began.
TRIGGERS = """
CREATE OR REPLACE FUNCTION accrual_queue() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO accrual_due (move_id, commission_id, lane, is_approval)
  SELECT m.id, m.commission_id, accrual_lane(c.shop_id), m.kind = 'approved'
    FROM new_move m JOIN commission c ON c.id = m.commission_id AND c.mode = 'live';
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION accrual_unqueue() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  DELETE FROM accrual_due d USING new_accrual n
   WHERE d.lane = accrual_lane(n.shop_id) AND d.move_id = n.move_id;
  RETURN NULL;
END $$
"""

# The lane whose first move is the oldest comes first, and others follow until there is enough: so nobody is passed by
# for ever, and a shop with a long queue has one worker at a time while the others work on other shops. Inside a lane:
# oldest first. A lane is locked for speed alone; what keeps a move from being posted twice is the lock on its
# commission. Each statement sees what was committed before it began, so a lane that came free is seen as it is now.
CLAIM = """
CREATE OR REPLACE FUNCTION accrual_claim(wanted integer, since uuid DEFAULT NULL, among uuid[] DEFAULT NULL)
RETURNS SETOF uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET enable_seqscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  first uuid := coalesce(since, '00000000-0000-0000-0000-000000000000');
  missing integer := wanted;
  here smallint;
  taken integer;
BEGIN
  IF among IS NOT NULL THEN
    RETURN QUERY
      SELECT c.id FROM commission c
       WHERE c.id = ANY (among)
         AND EXISTS (SELECT FROM accrual_due d JOIN accrual_unposted u ON u.move_id = d.move_id
                      WHERE d.commission_id = c.id AND NOT u.awaits_shop)
       ORDER BY c.id LIMIT wanted FOR NO KEY UPDATE SKIP LOCKED;
    RETURN;
  END IF;
  FOR here IN
    WITH RECURSIVE lanes (lane) AS (
      SELECT min(d.lane) FROM accrual_due d
      UNION ALL
      SELECT (SELECT min(d.lane) FROM accrual_due d WHERE d.lane > l.lane) FROM lanes l WHERE l.lane IS NOT NULL)
    SELECT l.lane FROM lanes l CROSS JOIN LATERAL (
             SELECT d.move_id FROM accrual_due d
              WHERE d.lane = l.lane AND d.move_id >= first AND DUE ORDER BY d.move_id LIMIT 1) h
     ORDER BY h.move_id
  LOOP
    CONTINUE WHEN NOT pg_try_advisory_xact_lock(CLASS, here);
    RETURN QUERY
      SELECT DISTINCT q.id
        FROM (SELECT c.id FROM accrual_due d JOIN commission c ON c.id = d.commission_id
               WHERE d.lane = here AND d.move_id >= first AND DUE
               ORDER BY d.move_id LIMIT missing FOR NO KEY UPDATE OF c SKIP LOCKED) q;
    GET DIAGNOSTICS taken = ROW_COUNT;
    missing := missing - taken;
    EXIT WHEN missing <= 0;
  END LOOP;
END $$
""".replace("CLASS", "722026").replace(
    "DUE",
    "NOT EXISTS (SELECT FROM accrual_stuck s WHERE s.commission_id = d.commission_id)"
    " AND NOT (d.is_approval AND EXISTS (SELECT FROM accrual w WHERE w.commission_id = d.commission_id"
    " AND NOT w.funded AND w.funded_entry_id IS NULL))",
)

# Foreign keys ask, and lock, row by row, which was a quarter of what a move costs the server. This asks once a statement
# and more: that the copies are the move's own. Moves, commissions and entries are never deleted, so nobody has to be
# kept from that, and a move's commission is a foreign key of the move.
OF_MOVES = """
CREATE FUNCTION accrual_of_moves() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  strange uuid;
BEGIN
  SELECT n.move_id INTO strange
    FROM new_accrual n
    LEFT JOIN LATERAL (
      SELECT m.commission_id = n.commission_id AND m.seq = n.seq AND m.kind = n.kind AND m.currency = n.currency AS same
        FROM commission_move m WHERE m.id = n.move_id OFFSET 0) m ON true
    LEFT JOIN LATERAL (SELECT e.id FROM entry e WHERE e.id = n.entry_id OFFSET 0) e ON true
   WHERE m.same IS NOT TRUE OR e.id IS DISTINCT FROM n.entry_id
   LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'accrual of % says another thing than its move, or names no entry', strange
      USING ERRCODE = '23503', TABLE = 'accrual', CONSTRAINT = 'accrual_of_moves';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER accrual_of_moves AFTER INSERT ON accrual REFERENCING NEW TABLE AS new_accrual
  FOR EACH STATEMENT EXECUTE FUNCTION accrual_of_moves();
ALTER TABLE accrual ENABLE ALWAYS TRIGGER accrual_of_moves;
ALTER TABLE accrual DROP CONSTRAINT fk_accrual_move_id_commission_move,
  DROP CONSTRAINT fk_accrual_commission_id_commission, DROP CONSTRAINT fk_accrual_entry_id_entry
"""
OF_MOVES_BEFORE = """
ALTER TABLE accrual ADD CONSTRAINT fk_accrual_move_id_commission_move FOREIGN KEY (move_id) REFERENCES commission_move,
  ADD CONSTRAINT fk_accrual_commission_id_commission FOREIGN KEY (commission_id) REFERENCES commission,
  ADD CONSTRAINT fk_accrual_entry_id_entry FOREIGN KEY (entry_id) REFERENCES entry;
DROP TRIGGER accrual_of_moves ON accrual;
DROP FUNCTION accrual_of_moves()
"""


def _of(name: str) -> Any:
    return importlib.import_module(f"migrations.versions.{name}")


def _replacing(statement: str) -> str:
    return statement.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


def upgrade() -> None:
    """Give every due move its lane, and claim lane by lane."""
    op.execute(QUEUE)
    op.execute(TRIGGERS)
    op.execute(CLAIM)
    op.execute(OF_MOVES)
    op.execute("REVOKE ALL ON FUNCTION accrual_lane(uuid), accrual_of_moves() FROM PUBLIC")


def downgrade() -> None:
    """Claim from one queue again."""
    op.execute(OF_MOVES_BEFORE)
    before = _of("0014_ledger_speed")
    op.execute(before.CLAIM)
    for function in ("accrual_queue()", "accrual_unqueue()"):
        start = before.QUEUE.index(f"CREATE FUNCTION {function}")
        op.execute(_replacing(before.QUEUE[start : before.QUEUE.index("END $$", start) + len("END $$")]))
    for setting in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin"):
        op.execute(f"ALTER FUNCTION accrual_unqueue() RESET {setting}")
    op.execute(QUEUE_BEFORE)
