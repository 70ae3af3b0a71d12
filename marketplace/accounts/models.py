"""Every table of this room under one name, for the rooms above."""

from __future__ import annotations

from marketplace.accounts.models_influence import InfluenceEvidence, InfluenceEvidenceEvent
from marketplace.accounts.models_people import (
    Agreement,
    ApiKey,
    AuthSession,
    EmailToken,
    RecoveryCode,
    UserAccount,
)
from marketplace.accounts.models_shops import (
    Adviser,
    AdviserState,
    Invitation,
    Membership,
    Shop,
    ShopContract,
    ShopDomain,
)

__all__ = [
    "Adviser",
    "AdviserState",
    "Agreement",
    "ApiKey",
    "AuthSession",
    "EmailToken",
    "InfluenceEvidence",
    "InfluenceEvidenceEvent",
    "Invitation",
    "Membership",
    "RecoveryCode",
    "Shop",
    "ShopContract",
    "ShopDomain",
    "UserAccount",
]
