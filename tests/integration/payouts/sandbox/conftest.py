"""One sandbox process a run, emptied for each test; processes of their own for what kills them."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import stripe

from tests.integration.payouts.sandbox.sandbox_process import Description, Receiver, Sandbox


@pytest.fixture(scope="session")
def description() -> Description:
    return Description()


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory, description: Description) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("sandbox")
    with contextlib.ExitStack() as stack:
        if os.access("/dev/shm", os.W_OK):
            # This file is never killed in the middle, so it needn't wait for a busy disk at each commit.
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm")))
        sandbox = Sandbox(folder / "stripe.sqlite", description).start()
        stack.callback(sandbox.close)
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Iterator[Sandbox]:
    nothing = dict.fromkeys(["webhook_account", "webhook_connect", "secret_account", "secret_connect"])
    shared_sandbox.ask("settings", nothing)
    shared_sandbox.ask("reset", {})
    yield shared_sandbox
    assert shared_sandbox.log.read_text() == ""


@pytest.fixture
def own_sandbox(tmp_path: Path, description: Description) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path / "stripe.sqlite", description).start()
    yield sandbox
    sandbox.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


@pytest.fixture
def client(sandbox: Sandbox) -> stripe.StripeClient:
    return sandbox.client()


@pytest.fixture
def adviser(sandbox: Sandbox, client: stripe.StripeClient) -> str:
    """An onboarded connected account in the Netherlands."""
    return onboarded(sandbox, client)


def onboarded(sandbox: Sandbox, client: stripe.StripeClient, country: str = "NL") -> str:
    account = client.v1.accounts.create(
        {
            "country": country,
            "controller": {
                "fees": {"payer": "application"},
                "losses": {"payments": "application"},
                "requirement_collection": "stripe",
                "stripe_dashboard": {"type": "express"},
            },
            "capabilities": {"transfers": {"requested": True}},
        }
    )
    link = client.v1.account_links.create(
        {
            "account": account.id,
            "refresh_url": "https://shop.example/refresh",
            "return_url": "https://shop.example/return",
            "type": "account_onboarding",
        }
    )
    assert sandbox.click(link.url) == (303, "https://shop.example/return")
    return account.id


@pytest.fixture
def onboard(sandbox: Sandbox, client: stripe.StripeClient) -> Callable[[str], str]:
    return lambda country: onboarded(sandbox, client, country)


@pytest.fixture
def fund(sandbox: Sandbox, client: stripe.StripeClient) -> Callable[..., stripe.checkout.Session]:
    """Pay into the platform through the hosted checkout."""

    def paid(cents: int = 100_000, **more: object) -> stripe.checkout.Session:
        session = client.v1.checkout.sessions.create(
            {  # type: ignore[arg-type]
                "mode": "payment",
                "line_items": [
                    {
                        "price_data": {
                            "currency": "eur",
                            "unit_amount": cents,
                            "product_data": {"name": "Media budget"},
                        },
                        "quantity": 1,
                    }
                ],
                "success_url": "https://shop.example/ok?s={CHECKOUT_SESSION_ID}",
                **more,
            }
        )
        assert session.url is not None
        status, where = sandbox.click(session.url)
        assert (status, where) == (303, f"https://shop.example/ok?s={session.id}")
        return client.v1.checkout.sessions.retrieve(session.id)

    return paid
