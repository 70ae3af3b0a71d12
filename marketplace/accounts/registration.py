"""What this room hangs into the core: who is asking, its routes, and the command that makes people of the platform."""

from __future__ import annotations

import flask

from marketplace.accounts import (
    api_accounts,
    api_advisers,
    api_agreements,
    api_domains,
    api_influence,
    api_keys,
    api_me,
    api_members,
    api_notifications,
    api_passwords,
    api_shops,
    evidence_sweep,
    invariants,
    loader,
    notifications,
    staff,
    unfinished,
    views_account,
    views_entrance,
    views_evidence,
    views_joining,
    views_keys,
    views_notifications,
    views_people,
    views_profile,
    views_second_factor,
)
from marketplace.core import auth, hooks, refusals


def register() -> None:
    """Register the actor loader, the command and the invariants; registering again changes nothing."""
    auth.set_actor_loader(loader.load)
    refusals.keep_with(unfinished.keep)
    hooks.command("create-staff", staff.command)
    invariants.register()
    evidence_sweep.register()
    notifications.register()


def blueprints() -> tuple[flask.Blueprint, ...]:
    """Return the routes of this room."""
    return (
        api_accounts.blueprint,
        views_entrance.blueprint,
        views_account.blueprint,
        views_second_factor.blueprint,
        views_keys.blueprint,
        views_joining.blueprint,
        views_people.blueprint,
        views_evidence.blueprint,
        api_passwords.blueprint,
        api_me.blueprint,
        api_me.totp_blueprint,
        api_notifications.blueprint,
        views_notifications.blueprint,
        api_shops.blueprint,
        api_domains.blueprint,
        api_members.blueprint,
        api_members.invitations_blueprint,
        api_keys.blueprint,
        api_agreements.blueprint,
        api_advisers.blueprint,
        api_advisers.profile_blueprint,
        api_advisers.users_blueprint,
        api_influence.kinds_blueprint,
        api_influence.blueprint,
        views_profile.blueprint,
    )
