"""Product search: words of products in Dutch and English, a list of words for typos, and Google's categories.

Locks: ACCESS EXCLUSIVE on `product` while it is written anew with its words (some 20 s for 100,000 products, in which
nobody reads products), and for an instant on `feed_staged`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from marketplace.catalogue.folding import fold
from marketplace.catalogue.indexing import index_text
from marketplace.catalogue.taxonomy import google as taxonomy
from migrations.grants import grant, grant_execute

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

BATCH = 1000
# The parts of `folded` have tabs between: title, brand, codes, category, Dutch and English description, keys of
# categories. Each word of a title is there as it is written, and as Dutch and English stem it, because a shop's catalogue
# may be in either language and a title is too short to tell. Words of titles are there a second time with a T before them: so a word that half of all products have somewhere finds those
# first that are called that, without reading the others.
WORDS = """
CREATE FUNCTION product_words(folded text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
DECLARE
  part text[] := string_to_array(folded, E'\\t');
  title tsvector := to_tsvector('simple', part[1]) || to_tsvector('dutch', part[1]) || to_tsvector('english', part[1]);
  naming text := part[2] || ' ' || part[3];
BEGIN
  IF part[1] IS NULL THEN
    RETURN ''\\:\\:tsvector;
  END IF;
  RETURN setweight(title, 'A')
    || array_to_tsvector(string_to_array('T' || array_to_string(tsvector_to_array(title), ' T'), ' '))
    || setweight(to_tsvector('simple', naming), 'B')
    || setweight(to_tsvector('simple', part[4]) || to_tsvector('dutch', part[4])
                 || to_tsvector('english', part[4]), 'C')
    || setweight(to_tsvector('dutch', part[5]) || to_tsvector('english', part[6]), 'D')
    || array_to_tsvector(string_to_array(part[7], ' '));
END $$
"""
# Words that products are called by, for whoever types one wrongly or only a part of it. No unique index: two feeds
# applied at once would wait for each other over a new word; one that stands here twice does no harm.
VOCABULARY = """
CREATE TABLE product_word (
  id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_product_word PRIMARY KEY,
  word text NOT NULL
);
CREATE INDEX ix_product_word_word ON product_word USING hash (word);
CREATE INDEX ix_product_word_trigrams ON product_word USING gin (word extensions.gin_trgm_ops);
CREATE FUNCTION product_word_learn() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET enable_nestloop = off AS $$
DECLARE
  texts text[];
BEGIN
  IF TG_OP = 'INSERT' THEN
    texts := array(SELECT n.folded FROM new_product n);
  ELSE
    texts := array(SELECT n.folded FROM new_product n JOIN old_product o ON o.id = n.id WHERE o.folded <> n.folded);
  END IF;
  INSERT INTO product_word (word)
  SELECT f.word FROM (
    SELECT DISTINCT unnest(string_to_array(split_part(t, E'\\t', 1) || ' ' || split_part(t, E'\\t', 2)
                           || ' ' || split_part(t, E'\\t', 4), ' ')) AS word
      FROM unnest(texts) AS t
  ) f
  WHERE length(f.word) BETWEEN 3 AND 40 AND f.word !~ '^[0-9]+$'
    AND NOT EXISTS (SELECT FROM product_word k WHERE k.word = f.word);
  RETURN NULL;
END $$;
CREATE TRIGGER product_word_begun AFTER INSERT ON product REFERENCING NEW TABLE AS new_product
  FOR EACH STATEMENT EXECUTE FUNCTION product_word_learn();
CREATE TRIGGER product_word_changed AFTER UPDATE ON product
  REFERENCING OLD TABLE AS old_product NEW TABLE AS new_product
  FOR EACH STATEMENT EXECUTE FUNCTION product_word_learn();
ALTER TABLE product ENABLE ALWAYS TRIGGER product_word_begun, ENABLE ALWAYS TRIGGER product_word_changed
"""
# Row-level security would keep `@@` from the index, because it is no leakproof operator. These functions see past it
# and give away only what is published: products that are not retired, of shops that are live. How much they read is
# bounded: of the first ten times `most` hits, at most `most` that fit are ranked, those before others that are called
# what is asked. The plan is made once a session: making it takes longer than most searches.
_HITS = """
    SELECT h.id, h.shop_id, h.category, h.availability = 'in_stock' AS in_stock,
           (lower(h.sku) = exact OR h.gtin = exact OR lower(h.brand) = exact OR lower(h.title) = exact) IS TRUE AS is_exact,
           ts_rank('{0.05, 0.2, 0.5, 1.0}', h.words, ranked) AS rank
      FROM (SELECT p.id, p.shop_id, p.category, p.availability, p.sku, p.gtin, p.brand, p.title, p.words, p.currency,
                   p.price_minor, p.sale_price_minor
              FROM product p WHERE p.words @@ WORDS AND p.retired_at IS NULL LIMIT 10 * most) h
     WHERE h.shop_id = ANY (live)
       AND (money IS NULL OR h.currency = money)
       AND (low IS NULL OR coalesce(h.sale_price_minor, h.price_minor) >= low)
       AND (high IS NULL OR coalesce(h.sale_price_minor, h.price_minor) <= high)
       AND (stocked IS NULL OR (h.availability IS NOT DISTINCT FROM 'in_stock') = stocked)
     LIMIT """
FIND = f"""
CREATE FUNCTION product_search(asked tsquery, titled tsquery, ranked tsquery, exact text, wanted_shop uuid, money text,
                               low bigint, high bigint, stocked boolean, most bigint, skip bigint, take bigint)
RETURNS jsonb LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS $$
DECLARE
  live uuid[] := array(SELECT s.id FROM shop s
                        WHERE s.state = 'live' AND (wanted_shop IS NULL OR s.id = wanted_shop));
  others tsquery := asked && !!titled;
  answer jsonb;
BEGIN
  WITH called AS MATERIALIZED ({_HITS.replace("WORDS", "titled")} most
  ), found AS MATERIALIZED (
    SELECT * FROM called UNION ALL ({_HITS.replace("WORDS", "others")} most - (SELECT count(*) FROM called))
  ), placed AS (
    SELECT f.id, round(f.rank\\:\\:numeric, 1) AS rank, f.is_exact, f.in_stock FROM found f
     ORDER BY round(f.rank\\:\\:numeric, 1) DESC, f.is_exact DESC, f.in_stock DESC NULLS LAST, f.id DESC
    OFFSET skip LIMIT take
  )
  SELECT jsonb_build_object(
    'total', (SELECT count(*) FROM found),
    'hits', (SELECT jsonb_agg(l.id ORDER BY l.rank DESC, l.is_exact DESC, l.in_stock DESC NULLS LAST, l.id DESC)
               FROM placed l),
    'shops', (SELECT jsonb_object_agg(g.shop_id, g.number)
                FROM (SELECT f.shop_id, count(*) AS number FROM found f GROUP BY 1 ORDER BY 2 DESC LIMIT 20) g),
    'categories', (SELECT jsonb_object_agg(g.name, g.number)
                FROM (SELECT split_part(f.category, ' > ', 1) AS name, count(*) AS number FROM found f
                       WHERE f.category <> '' GROUP BY 1 ORDER BY 2 DESC LIMIT 20) g)
  ) INTO answer;
  RETURN answer;
END $$
"""
# What is newest; of more than `most` products the newest are looked at.
NEWEST = """
CREATE FUNCTION product_newest(wanted_shop uuid, money text, low bigint, high bigint, stocked boolean,
                               most bigint, skip bigint, take bigint)
RETURNS TABLE (id uuid) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp
SET plan_cache_mode = force_custom_plan SET jit = off AS $$
BEGIN
  RETURN QUERY
  SELECT n.id FROM (
    SELECT p.id, p.shop_id, p.currency, p.sale_price_minor, p.price_minor, p.availability, p.retired_at
      FROM product p WHERE (wanted_shop IS NULL OR p.shop_id = wanted_shop) ORDER BY p.id DESC LIMIT most
  ) n
   WHERE n.retired_at IS NULL AND EXISTS (SELECT FROM shop s WHERE s.id = n.shop_id AND s.state = 'live')
     AND (money IS NULL OR n.currency = money)
     AND (low IS NULL OR coalesce(n.sale_price_minor, n.price_minor) >= low)
     AND (high IS NULL OR coalesce(n.sale_price_minor, n.price_minor) <= high)
     AND (stocked IS NULL OR (n.availability IS NOT DISTINCT FROM 'in_stock') = stocked)
   ORDER BY n.id DESC OFFSET skip LIMIT take;
END $$
"""
# Exactly the word (or one of its letters in another order), words that hold it, words that resemble it.
SIMILAR = """
CREATE FUNCTION product_similar_words(asked text[], turned text[])
RETURNS TABLE (question text, word text, likeness real, is_part boolean) LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN QUERY
  SELECT DISTINCT w.word, w.word, 1\\:\\:real, false FROM product_word w WHERE w.word = ANY (asked || turned)
  UNION ALL
  SELECT q, k.word, k.likeness, k.is_part FROM unnest(asked) AS q CROSS JOIN LATERAL (
    (SELECT DISTINCT w.word, extensions.similarity(w.word, q) AS likeness, true AS is_part FROM product_word w
      WHERE length(q) > 2 AND w.word LIKE '%' || q || '%' AND w.word <> q ORDER BY 2 DESC, 1 LIMIT 20)
    UNION ALL
    (SELECT DISTINCT w.word, extensions.similarity(w.word, q), false FROM product_word w
      WHERE length(q) > 2 AND w.word OPERATOR(extensions.%) q AND w.word <> q
      ORDER BY 2 DESC, 1 LIMIT 8)
  ) k;
END $$
"""
FUNCTIONS = (
    "product_search(tsquery, tsquery, tsquery, text, uuid, text, bigint, bigint, boolean, bigint, bigint, bigint)",
    "product_newest(uuid, text, bigint, bigint, boolean, bigint, bigint, bigint)",
    "product_similar_words(text[], text[])",
)
CATEGORIES = """
CREATE TABLE google_category (
  id bigint NOT NULL, language text NOT NULL CONSTRAINT ck_google_category_language CHECK (language IN ('en', 'nl')),
  path text NOT NULL, folded text NOT NULL,
  CONSTRAINT pk_google_category PRIMARY KEY (id, language)
);
CREATE INDEX ix_google_category_folded ON google_category USING gin (folded extensions.gin_trgm_ops)
"""


def upgrade() -> None:
    """Write the words of every product, learn them, and put in the categories that ship with the code."""
    op.execute("ALTER TABLE feed_staged ADD COLUMN folded text NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE product ADD COLUMN folded text NOT NULL DEFAULT ''")
    # The shop's people write products too (0023), and with them what they are found by.
    grant(op, "app", "UPDATE (folded)", "product")
    op.execute(WORDS)
    op.execute(VOCABULARY)
    op.execute("REVOKE ALL ON FUNCTION product_word_learn() FROM PUBLIC")
    _fold_all()
    op.execute(
        "ALTER TABLE product ADD COLUMN words tsvector GENERATED ALWAYS AS (product_words(folded)) STORED"
    )
    op.execute("CREATE INDEX ix_product_words ON product USING gin (words) WHERE retired_at IS NULL")
    for function in (FIND, NEWEST, SIMILAR):
        op.execute(function)
    grant_execute(op, "app", *FUNCTIONS)
    op.execute(CATEGORIES)
    grant(op, "app", "SELECT", "google_category")
    grant(op, "worker", "SELECT, INSERT, UPDATE", "google_category")
    _name_categories()


def _name_categories() -> None:
    """Write the names that ship with the code; `load-taxonomy` completes them."""
    rows = [
        (row.id, language, path)
        for row in taxonomy.bundled().by_id.values()
        for language, path in (("en", row.path), ("nl", row.dutch_path))
        if path is not None
    ]
    op.get_bind().execute(
        sa.text(
            "INSERT INTO google_category (id, language, path, folded) SELECT * FROM unnest("
            "CAST(:ids AS bigint[]), CAST(:languages AS text[]), CAST(:paths AS text[]), CAST(:folded AS text[]))"
        ),
        {
            "ids": [row[0] for row in rows],
            "languages": [row[1] for row in rows],
            "paths": [row[2] for row in rows],
            "folded": [fold(row[2]) for row in rows],
        },
    )


def _fold_all() -> None:
    """Write what products that are there are found by, a batch at a time in the order of their ids."""
    connection = op.get_bind()
    names = ("title", "brand", "sku", "gtin", "category", "product_type", "description")
    read = sa.text(f"SELECT id, {', '.join(names)} FROM product WHERE id > :after ORDER BY id LIMIT {BATCH}")
    write = sa.text(
        "UPDATE product p SET folded = f.folded"
        " FROM unnest(CAST(:ids AS uuid[]), CAST(:texts AS text[])) AS f (id, folded) WHERE p.id = f.id"
    )
    after = "00000000-0000-0000-0000-000000000000"
    while rows := connection.execute(read, {"after": after}).all():
        texts = [index_text(**{name: getattr(row, name) for name in names}) for row in rows]
        connection.execute(write, {"ids": [row.id for row in rows], "texts": texts})
        after = rows[-1].id


def downgrade() -> None:
    """Take search away, and the categories with it."""
    op.execute("DROP TABLE google_category")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DROP TRIGGER product_word_begun ON product")
    op.execute("DROP TRIGGER product_word_changed ON product")
    op.execute("DROP FUNCTION product_word_learn()")
    op.execute("DROP TABLE product_word")
    op.execute("ALTER TABLE product DROP COLUMN words")
    op.execute("ALTER TABLE product DROP COLUMN folded")
    op.execute("DROP FUNCTION product_words(text)")
    op.execute("ALTER TABLE feed_staged DROP COLUMN folded")
