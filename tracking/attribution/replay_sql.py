"""The rule of `decision.decide` said in SQL, over sets of orders, in one statement.

First it looks at the latest touch of each visitor only, which settles every order without a code whose latest touch is
fit and no young click, and whose stored decision says just that. It looks at all touches of the orders that are left.
"""

# Per offer and adviser the spans in which a touch or a code counts, each with the terms in force. Before an adviser's
# first state that state holds, before the first of anything else nothing counts; of two changes at one instant the
# larger id is the later one. A day of a window has 24 hours, whatever the zone of the session.
_SPANS = """
adviser_span AS (
  SELECT adviser_id, state, lead(from_at, 1, 'infinity') OVER w AS to_at,
    CASE WHEN lag(id) OVER w IS NULL THEN '-infinity' ELSE from_at END AS from_at
  FROM adviser_state WINDOW w AS (PARTITION BY adviser_id ORDER BY from_at, id)
), offer_span AS (
  SELECT offer_id, state, from_at, lead(from_at, 1, 'infinity') OVER w AS to_at
  FROM offer_state {of_shops}
  WINDOW w AS (PARTITION BY offer_id ORDER BY from_at, id)
), pair_span AS (
  SELECT offer_id, adviser_id, state, from_at, lead(from_at, 1, 'infinity') OVER w AS to_at
  FROM partnership_event {of_shops}
  WINDOW w AS (PARTITION BY offer_id, adviser_id ORDER BY from_at, id)
), terms_span AS (
  SELECT offer_id, id, make_interval(hours => 24 * CAST(window_days AS integer)) AS click_window,
    CAST(document ->> 'own_shop' AS boolean) AS own_shop,
    effective_from AS from_at, lead(effective_from, 1, 'infinity') OVER w AS to_at
  FROM commission_terms {of_shops}
  WINDOW w AS (PARTITION BY offer_id ORDER BY effective_from, version)
), fit AS MATERIALIZED (
  SELECT * FROM (
    SELECT p.offer_id, p.adviser_id, t.id AS terms_id, t.click_window, t.own_shop,
      greatest(p.from_at, a.from_at, o.from_at, t.from_at) AS from_at,
      least(p.to_at, a.to_at, o.to_at, t.to_at) AS to_at
    FROM pair_span p
    JOIN adviser_span a ON a.adviser_id = p.adviser_id AND a.state = 'active'
    JOIN offer_span o ON o.offer_id = p.offer_id AND o.state = 'open'
    JOIN terms_span t ON t.offer_id = p.offer_id
    WHERE p.state = 'accepted') spans
  WHERE from_at < to_at
), link_on AS (
  -- When each link was on: until it was first switched off, and from each time that it was switched on again.
  SELECT l.id, l.offer_id, l.adviser_id, timestamptz '-infinity' AS from_at,
    coalesce(r.from_at, l.disabled_at, 'infinity') AS to_at
  FROM tracked_link l
  LEFT JOIN (SELECT link_id, min(from_at) AS from_at FROM link_rest GROUP BY link_id) r ON r.link_id = l.id
  UNION ALL
  SELECT l.id, l.offer_id, l.adviser_id, r.to_at, coalesce(r.next_at, l.disabled_at, 'infinity')
  FROM (
    SELECT link_id, to_at, lead(from_at) OVER (PARTITION BY link_id ORDER BY from_at, id) AS next_at
    FROM link_rest) r
  JOIN tracked_link l ON l.id = r.link_id
), link_fit AS MATERIALIZED (
  SELECT l.id AS link_id, f.offer_id, f.adviser_id, f.terms_id, f.click_window, f.own_shop,
    greatest(f.from_at, l.from_at) AS from_at, least(f.to_at, l.to_at) AS to_at
  FROM link_on l JOIN fit f ON f.offer_id = l.offer_id AND f.adviser_id = l.adviser_id
  WHERE greatest(f.from_at, l.from_at) < least(f.to_at, l.to_at)
), own AS MATERIALIZED (
  SELECT m.shop_id, a.id AS adviser_id, m.created_at AS from_at, coalesce(m.removed_at, 'infinity') AS to_at
  FROM membership m JOIN adviser a ON a.user_id = m.user_id
)"""

# The policy that judges an order: the shop's own where one was in force when it was placed, else the platform's.
_POLICIES = """
policy AS (
  SELECT shop_id, code_rule, make_interval(secs => guard_seconds) AS guard, effective_from AS from_at,
    lead(effective_from, 1, 'infinity') OVER (PARTITION BY shop_id ORDER BY effective_from, version) AS to_at
  FROM attribution_policy
), platform_policy AS MATERIALIZED (
  SELECT * FROM policy WHERE shop_id IS NULL
), shop_policy AS MATERIALIZED (
  SELECT * FROM policy WHERE shop_id IS NOT NULL
)"""

# What each order knows by its tokens and by those of its customer's earlier orders, each with what the touch was.
_KNOWN = """
known AS MATERIALIZED (
  SELECT o.id AS order_id, o.shop_id, least(o.ordered_at, o.received_at) AS counts_at,
    k.visitor_id, k.touch_id AS id, k.ts, k.link_id
  FROM shop_order o JOIN order_token k ON k.order_id = o.id WHERE k.link_id IS NOT NULL AND {asked}
  UNION ALL
  SELECT o.id, o.shop_id, least(o.ordered_at, o.received_at), k.visitor_id, k.touch_id, k.ts, k.link_id
  FROM shop_order o
  CROSS JOIN LATERAL (
    SELECT e.id FROM shop_order e
    WHERE e.shop_id = o.shop_id AND e.mode = o.mode AND e.customer_key = o.customer_key
      AND e.ordered_at <= o.ordered_at AND e.id <> o.id
    ORDER BY e.ordered_at DESC LIMIT 100) e
  JOIN order_token k ON k.order_id = e.id
  WHERE o.customer_key IS NOT NULL AND k.link_id IS NOT NULL AND {asked}
)"""

# The touches of the visitors that are known, latest first. Visitors are looked up sorted: neighbours lie on one page of
# the index, and one that is known twice is looked up once.
_LOOKED = """
SELECT v.order_id, h.id, h.ts, h.link_id
FROM (
  SELECT DISTINCT ON (shop_id, visitor_id, order_id) shop_id, visitor_id, order_id, counts_at
  FROM {known} WHERE visitor_id IS NOT NULL ORDER BY shop_id, visitor_id, order_id) v
CROSS JOIN LATERAL (
  SELECT t.id, t.ts, t.link_id FROM touch t
  WHERE t.shop_id = v.shop_id AND t.visitor_id = v.visitor_id AND t.ts <= v.counts_at
  ORDER BY t.ts DESC, t.id DESC LIMIT {most}) h
UNION ALL
SELECT order_id, id, ts, link_id FROM {known} WHERE visitor_id IS NULL AND ts <= counts_at"""

# What lets a touch `h` get the order `o`: not refused at the edge, terms in force and in time, and, unless these allow
# it, nobody of the shop's own people, who are asked for as they were known when it was decided.
_FITTING = """
LEFT JOIN refused s ON s.touch_id = h.id
LEFT JOIN link_fit f ON f.link_id = h.link_id AND h.ts >= f.from_at AND h.ts < f.to_at
  AND {counts_at} < h.ts + f.click_window
LEFT JOIN own w ON w.shop_id = o.shop_id AND w.adviser_id = f.adviser_id
  AND w.from_at <= {known_at} AND w.to_at > {known_at}"""

_OPEN = """
last AS (
  SELECT DISTINCT ON (order_id) * FROM ({looked}) looked ORDER BY order_id DESC, ts DESC, id DESC
), open AS MATERIALIZED (
  SELECT * FROM (
    SELECT o.id, o.shop_id, least(o.ordered_at, o.received_at) AS counts_at, o.code,
      coalesce(y.guard, g.guard) AS guard, coalesce(y.code_rule, g.code_rule) AS code_rule,
      a.state = 'provisional' AS is_provisional, a.recorded_at AS known_at,
      a.adviser_id, a.offer_id, a.link_id, a.touch_id, a.code_id, a.terms_id,
      o.code IS NULL AND (h.order_id IS NULL OR coalesce(s.touch_id IS NULL AND f.terms_id IS NOT NULL
        AND (f.own_shop OR w.adviser_id IS NULL)
        AND h.ts <= least(o.ordered_at, o.received_at) - coalesce(y.guard, g.guard), false)) AS is_settled,
      f.terms_id AS now_terms, f.adviser_id AS now_adviser, f.offer_id AS now_offer, h.id AS now_touch,
      f.link_id AS now_link
    FROM shop_order o {newest} LEFT JOIN last h ON h.order_id = o.id
    LEFT JOIN shop_policy y ON y.shop_id = o.shop_id AND o.ordered_at >= y.from_at AND o.ordered_at < y.to_at
    LEFT JOIN platform_policy g ON o.ordered_at >= g.from_at AND o.ordered_at < g.to_at{fitting}
    WHERE {asked}) every
  WHERE is_provisional OR NOT is_settled OR code_id IS NOT NULL OR touch_id IS DISTINCT FROM now_touch
    OR terms_id IS DISTINCT FROM now_terms OR adviser_id IS DISTINCT FROM now_adviser
    OR offer_id IS DISTINCT FROM now_offer OR link_id IS DISTINCT FROM now_link
)"""

_FULL = """
left_open AS MATERIALIZED (
  SELECT * FROM open WHERE NOT is_provisional
), known_of_open AS MATERIALIZED (
  SELECT k.* FROM known k JOIN left_open o ON o.id = k.order_id
), weighed AS MATERIALIZED (
  SELECT h.order_id, h.id, h.ts, h.link_id, f.offer_id, f.adviser_id, f.terms_id,
    h.ts <= o.counts_at - o.guard AS is_old
  FROM ({looked}) h JOIN left_open o ON o.id = h.order_id{fitting}
  WHERE s.touch_id IS NULL AND f.terms_id IS NOT NULL AND (f.own_shop OR w.adviser_id IS NULL)
), leader AS (
  -- The advice that led to the order: the last fit touch that is no young click, or, when all are young, the first.
  SELECT DISTINCT ON (order_id) order_id, adviser_id FROM weighed
  ORDER BY order_id, is_old DESC, CASE WHEN is_old THEN ts END DESC, CASE WHEN is_old THEN id END DESC, ts, id
), coded AS MATERIALIZED (
  SELECT o.id AS order_id, c.id AS code_id, c.offer_id, c.adviser_id, f.terms_id
  FROM left_open o
  CROSS JOIN LATERAL (
    SELECT c.* FROM discount_code c
    WHERE c.shop_id = o.shop_id AND c.code = upper(btrim(o.code)) AND c.created_at <= o.counts_at
      AND (c.revoked_at IS NULL OR c.revoked_at > o.counts_at)
    ORDER BY c.created_at DESC, c.id DESC LIMIT 1) c
  JOIN fit f ON f.offer_id = c.offer_id AND f.adviser_id = c.adviser_id
    AND o.counts_at >= f.from_at AND o.counts_at < f.to_at
  LEFT JOIN own w ON w.shop_id = o.shop_id AND w.adviser_id = c.adviser_id
    AND w.from_at <= o.known_at AND w.to_at > o.known_at
  WHERE o.code IS NOT NULL AND o.code_rule = 'override' AND (f.own_shop OR w.adviser_id IS NULL)
), chosen AS (
  SELECT DISTINCT ON (w.order_id) w.*
  FROM weighed w LEFT JOIN coded c ON c.order_id = w.order_id LEFT JOIN leader l ON l.order_id = w.order_id
  WHERE w.adviser_id = coalesce(c.adviser_id, l.adviser_id) AND (c.order_id IS NULL OR w.offer_id = c.offer_id)
  ORDER BY w.order_id, w.ts DESC, w.id DESC
), outcome AS (
  SELECT o.id, o.adviser_id, o.offer_id, o.link_id, o.touch_id, o.code_id, o.terms_id,
    coalesce(c.adviser_id, w.adviser_id), coalesce(c.offer_id, w.offer_id), w.link_id, w.id, c.code_id,
    coalesce(w.terms_id, c.terms_id)
  FROM left_open o LEFT JOIN coded c ON c.order_id = o.id LEFT JOIN chosen w ON w.order_id = o.id
  WHERE (o.adviser_id, o.offer_id, o.link_id, o.touch_id, o.code_id, o.terms_id) IS DISTINCT FROM
    (coalesce(c.adviser_id, w.adviser_id), coalesce(c.offer_id, w.offer_id), w.link_id, w.id, c.code_id,
     coalesce(w.terms_id, c.terms_id))
)
SELECT c.*, d.*
FROM (
  SELECT count(*) FILTER (WHERE is_provisional), count(*) FILTER (WHERE NOT is_provisional AND NOT is_settled)
  FROM open) c
LEFT JOIN outcome d ON true"""

_ASKED = """(CAST(:shop_id AS uuid) IS NULL OR o.shop_id = :shop_id)
  AND o.ordered_at >= coalesce(CAST(:since AS timestamptz), '-infinity')
  AND o.ordered_at < coalesce(CAST(:until AS timestamptz), 'infinity') AND o.id > :after"""
_PART = f"{_ASKED} AND o.id <= :last"
_NEWEST = (
    "CROSS JOIN LATERAL (SELECT * FROM attribution a WHERE a.order_id = o.id ORDER BY a.n DESC LIMIT 1) a"
)
# Read in the order of the index, newest first, once, and not looked up for each order.
_NEWEST_OF_ALL = """JOIN (
      SELECT DISTINCT ON (order_id) * FROM attribution WHERE order_id > :after AND order_id <= :last
      ORDER BY order_id DESC, n DESC) a ON a.order_id = o.id"""

# How many orders are asked about, at most `limit`, and the last one's id.
PART = f"""
WITH asked AS MATERIALIZED (SELECT o.id FROM shop_order o WHERE {_ASKED} ORDER BY o.id LIMIT :limit)
SELECT count(*), (SELECT id FROM asked ORDER BY id DESC LIMIT 1) FROM asked"""  # noqa: S608 - constants alone.


def _statement(*, is_whole: bool) -> str:
    """Return the statement for a part: by key for some orders, by whole tables where nearly all rows are asked for."""
    spans = _SPANS.format(of_shops="" if is_whole else "WHERE shop_id IN (SELECT shop_id FROM shops)")
    opened = _OPEN.format(
        asked=_PART,
        newest=_NEWEST_OF_ALL if is_whole else _NEWEST,
        looked=_LOOKED.format(known="known", most=1),
        fitting=_FITTING.format(counts_at="least(o.ordered_at, o.received_at)", known_at="a.recorded_at"),
    )
    full = _FULL.format(
        looked=_LOOKED.format(known="known_of_open", most=500),
        fitting=_FITTING.format(counts_at="o.counts_at", known_at="o.known_at"),
    )
    # What was refused at the edge is little, and has an index of its own.
    refused = f"""refused AS {"" if is_whole else "NOT "}MATERIALIZED (
      SELECT touch_id FROM touch_screening WHERE verdict <> 'qualified')"""  # noqa: S608 - constants alone.
    shops = f"shops AS MATERIALIZED (SELECT DISTINCT o.shop_id FROM shop_order o WHERE {_PART})"  # noqa: S608
    known = _KNOWN.format(asked=_PART)
    return f"WITH {shops}, {refused}, {_POLICIES}, {spans}, {known}, {opened}, {full}"


SOME = _statement(is_whole=False)
WHOLE = _statement(is_whole=True)
