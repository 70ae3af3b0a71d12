"""What the redirect needs to know of a link, worked out when the table is loaded instead of at each click."""

from collections.abc import Iterable

from tracking.edge.consent import MODES
from tracking.links.table import LinkRow
from tracking.links.targets import TargetRefused, check, split_for_token

# (address before the token, address after it, link id, standing or "" when live, consent mode as a number,
#  shop id, address without a token); a plain tuple, because each click takes it apart.
Entry = tuple[str, str, str, str, int, str, str]


def entry(row: LinkRow, *, http_allowed: bool) -> Entry | None:
    """Return the entry of a link, or None when its target is not on a verified domain of its shop (any more)."""
    try:
        target = check(row.target_url, row.hosts, http_allowed=http_allowed)
    except TargetRefused:
        return None
    before, after = split_for_token(target.url)
    standing = "" if row.standing == "live" else row.standing
    return before, after, row.link_id, standing, MODES[row.consent_mode], row.shop_id, target.url


def entries(rows: Iterable[LinkRow], *, http_allowed: bool) -> tuple[dict[str, Entry], int]:
    """Return the table by path, and how many links were left out because of their target."""
    table: dict[str, Entry] = {}
    refused = 0
    for row in rows:
        found = entry(row, http_allowed=http_allowed)
        if found is None:
            refused += 1
        else:
            table[row.path] = found
    return table, refused
