"""One API call as its handler sees it, and what every handler asks first."""

from __future__ import annotations

from dataclasses import dataclass

from payouts.sandbox.errors import Body, missing
from payouts.sandbox.forms import Params
from payouts.sandbox.store import Tx


@dataclass(frozen=True)
class Call:
    """A call by `account` (the platform, or the connected account that Stripe-Account names)."""

    tx: Tx
    account: str
    params: Params
    base_url: str

    def one(self, kind: str, what: str, object_id: str, *, param: str = "id") -> Body:
        """Return an object of the acting account, or refuse with 404 resource_missing."""
        found = self.tx.get(object_id, kind=kind, account=self.account)
        if found is None:
            raise missing(what, object_id, param=param)
        return found
