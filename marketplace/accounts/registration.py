"""What this room hangs into the core: who is asking, and the command that makes people of the platform."""

from __future__ import annotations

from marketplace.accounts import invariants, loader, staff
from marketplace.core import auth, hooks


def register() -> None:
    """Register the actor loader, the command and the invariants; registering again changes nothing."""
    auth.set_actor_loader(loader.load)
    hooks.command("create-staff", staff.command)
    invariants.register()
