"""From nothing to 0.00: a shop and an adviser sign up, somebody reads and buys, finance pays; all of it on the screen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.browser.hands import Hands, Way
from tests.browser.stage import TENT, WAYS_HOSTS, Stage, code_of, staged
from tests.browser.test_stories import finance_makes_and_approves_a_run, hands
from tests.walk.town import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def stage(browser: Browser) -> Iterator[Stage]:
    with staged(browser) as made:
        yield made
        made.ground.close()


@pytest.mark.parametrize("way", ["mouse", "keyboard", "no script"])
def test_from_nothing_to_a_difference_of_zero(stage: Stage, way: Way) -> None:
    host = WAYS_HOSTS[way.replace(" ", "")]
    with hands(stage.ground, way) as owner, hands(stage.ground, way) as adviser:
        for one in (owner, adviser):
            stage.site.open_to(one.context)
        somebody_signs_up(stage, owner, "shop_owner", f"owner@{host}")
        the_owner_makes_a_shop_and_proves_its_site(stage, owner, host)
        the_owner_brings_products_and_says_what_is_paid(stage, owner, host)
        the_owner_builds_it_in_tries_it_and_opens(stage, owner, host)
        somebody_signs_up(stage, adviser, "adviser", f"adviser@{host}")
        the_adviser_joins(owner, adviser, host)
        the_adviser_makes_a_link(adviser, host)
        address = the_adviser_writes_and_publishes(adviser, host)
        ref = a_shopper_reads_asks_and_buys(stage, way, address)
        stage.settle()
        the_adviser_answers_and_sees_the_order(adviser, address, ref)
        the_adviser_gives_a_bank_account(stage, adviser)
        owner.go("/shop/orders")
        owner.sees(ref, "To confirm")
        stage.days_pass(15)
        finance_pays_and_reconciles(stage, way)
        adviser.go("/adviser/payouts")
        adviser.sees("Paid")


def somebody_signs_up(stage: Stage, who: Hands, kind: str, email: str) -> None:
    """Make an account, confirm the address by the mail, and sign in."""
    who.go(f"/sign-up?kind={kind}")
    who.write("Your name", "Noor van den Berg" if kind == "adviser" else "Sanne de Vries")
    who.write("E-mail address", email)
    who.write("Password", PASSWORD)
    if kind == "adviser":
        who.choose("Who are you to your readers?", "An expert")
    who.press("Make my account")
    who.sees("Read your mail")
    who.go(stage.mailed(email, "/verify"))
    who.press("Confirm my address")
    who.sees("is confirmed")
    who.write("E-mail address", email)
    who.write("Password", PASSWORD)
    who.press("Sign in")
    who.tab.wait_for_url(lambda url: "sign-in" not in url)


def the_owner_makes_a_shop_and_proves_its_site(stage: Stage, owner: Hands, host: str) -> None:
    """Steps 1 and 2: what the shop is, and that its site is theirs; at first the proof is not there."""
    if urlsplit(owner.tab.url).path == "/welcome":
        owner.press("Set up my shop", "link")
    owner.write("Name of the shop", f"Tentwinkel {host.partition('.')[0]}")
    owner.write("Legal name of the company", "Tentwinkel B.V.")
    owner.write("Company number", "12345678")
    owner.tick("I agree to the terms of use, version 1")
    owner.tick("The shop agrees to the data processing agreement, version 1")
    owner.press("Make the shop")
    owner.sees("Prove that the site is yours")
    owner.write("Name of the site", host)
    owner.press("Show me what to place")
    owner.sees(f"https://{host}/.well-known/aanrader.txt")
    token = owner.text_of("main .copyline code")
    owner.press("Check now")
    owner.sees("The proof is not there yet")
    stage.site.proofs[host] = token
    owner.press("Check now")
    owner.sees("Proved on")


def the_owner_brings_products_and_says_what_is_paid(stage: Stage, owner: Hands, host: str) -> None:
    """Steps 3 and 4: the feed is fetched from the shop's site; terms and a first budget."""
    owner.press("Next: products", "link")
    owner.write("Address of the feed", f"https://{host}/feed.tsv")
    owner.press("Fetch it")
    stage.settle()
    owner.waits_for("2 products to choose from")
    owner.press("Next: terms", "link")
    owner.write("How much", "10")
    owner.write("Days that you need for returns", "14")
    owner.press("Work out the example")
    owner.sees("The adviser gets")
    owner.press("Publish the terms")
    owner.sees("Version 1 is published")
    owner.write("Pay in", "250.00")
    owner.press("Pay in at Stripe")
    owner.press(re.compile("^Pay .* at Stripe$"), "link")
    owner.press(re.compile("^Pay "))
    stage.settle()
    owner.waits_for(re.compile(r"250[.,]00 is in your budget"))


def the_owner_builds_it_in_tries_it_and_opens(stage: Stage, owner: Hands, host: str) -> None:
    """Steps 5 to 7: keys for the shop's server, a test order whose hops turn green, and in business."""
    owner.go("/shop/start/install")
    owner.press("Make a test key")
    stage.site.keys[host] = owner.text_of(".key-shown code")
    tried = stage.site.sell(host, [])
    owner.go("/shop/start/install")
    owner.sees(tried)
    owner.press("Next: test order", "link")
    owner.press("Send a test order for me")
    owner.sees("Every hop is green.")
    owner.press("Next: go live", "link")
    owner.press("Open the offer")
    owner.sees("You are live")
    owner.go("/shop/install")
    owner.write("What is it for", "Web shop")
    owner.tick("Live: orders count")
    owner.press("Make the key")
    stage.site.keys[host] = owner.text_of(".key-shown code")


def the_adviser_joins(owner: Hands, adviser: Hands, host: str) -> None:
    """Apply to the offer, be taken on, and accept the terms."""
    adviser.go("/adviser/offers")
    adviser.press(f"Tentwinkel {host.partition('.')[0]}", "link")
    adviser.write("A word to the shop", "Ik schrijf over kamperen met de trein.")
    adviser.press("Apply to join")
    adviser.sees("Applied")
    owner.go("/shop/advisers")
    owner.press(re.compile("^Take on: "))
    owner.sees("Taken on")
    adviser.tab.reload()
    adviser.press("Accept the terms")
    adviser.sees("You joined")


def the_adviser_makes_a_link(adviser: Hands, host: str) -> None:
    """Paste the address of a product: link and QR stand in the same place."""
    adviser.write("Product web address", f"https://{host}/tent")
    adviser.press("Create link")
    adviser.sees("Your link is ready", TENT)


def the_adviser_writes_and_publishes(adviser: Hands, host: str) -> str:
    """Write a page of blocks with a product's card, mend what the check says, publish; return its address."""
    adviser.go("/adviser/advice")
    adviser.press(re.compile("What I use"))
    adviser.write("Title", f"Wat ik meeneem naar de natuurcamping ({host})")
    adviser.write("Verdict, in a sentence or two", "Neem deze tent, tenzij je met kinderen gaat.")
    adviser.write("Topics", "kamperen")
    adviser.choose("Language", "Dutch")
    adviser.write("Address of a product, or words", f"https://{host}/tent")
    adviser.press("Add a product")
    adviser.sees(TENT)
    adviser.choose("How did you obtain it?", re.compile("bought|gekocht", re.IGNORECASE))
    adviser.write("Why this one", "Staat in zes minuten en blijft droog.")
    adviser.write("Minuses, one a line", "Weinig plek voor bagage")
    adviser.write("For whom, and for whom not", "Wie met de trein gaat; niet voor een gezin.")
    adviser.press("Save")
    adviser.sees("Say how you tested or chose")
    adviser.press("How you tested and chose")
    adviser.write("How you tested and chose", "Van april tot oktober mee op pad, ook in de regen.")
    adviser.write("Text", "Ik sliep er **twaalf nachten** in.")
    adviser.choose("The button", "pays me commission")
    adviser.press("Save")
    adviser.sees("Nothing to mend")
    adviser.press("Publish")
    adviser.sees("twaalf nachten", "Bekijk bij Tentwinkel")
    return urlsplit(adviser.tab.url).path


def a_shopper_reads_asks_and_buys(stage: Stage, way: Way, address: str) -> str:
    """Read the advice, ask something, follow the button to the shop and buy there; return the order's number."""
    with hands(stage.ground, way, "nl-NL") as shopper:
        stage.site.open_to(shopper.context)
        shopper.go(address)
        shopper.sees("Reclame", "twaalf nachten")
        shopper.write(re.compile("^Vraag het aan "), "Past hij ook op een rond plekje onder de bomen?")
        shopper.write(re.compile("^Je voornaam"), "Stan")
        shopper.press(re.compile("^Vraag het aan "))
        shopper.sees("Je vraag ligt bij de adviseur.")
        shopper.press(re.compile("^Bekijk bij "), "link")
        shopper.sees(TENT)
        shopper.press("Kopen")
        shopper.sees("Bedankt")
        return stage.site.orders[-1]


def the_adviser_answers_and_sees_the_order(adviser: Hands, address: str, ref: str) -> None:
    """Answer the question, and find the order with the day on which its money comes."""
    adviser.go("/adviser/questions")
    adviser.sees("rond plekje onder de bomen")
    adviser.write(re.compile("answer", re.IGNORECASE), "Ja, als je de achterste lijnen korter zet.")
    adviser.press(re.compile("answer", re.IGNORECASE))
    adviser.sees("Answered.")
    adviser.go(address)
    adviser.sees("achterste lijnen korter")
    adviser.go("/adviser/earnings")
    adviser.sees(ref, "On hold", re.compile(r"64[.,]00"))


def the_adviser_gives_a_bank_account(stage: Stage, adviser: Hands) -> None:
    """Set up a second factor, as money asks for it, and give the bank account at Stripe."""
    adviser.go("/account/second-factor")
    adviser.press("Show the QR")
    adviser.write("Six digits of your app", code_of(adviser.text_of("main .copyline code")))
    adviser.press("Switch the second factor on")
    adviser.sees("recovery codes")
    adviser.go("/adviser/payout-account")
    adviser.press("Go on to Stripe")
    adviser.press("Continue at Stripe", "link")
    adviser.press("Complete onboarding")
    stage.settle()
    adviser.waits_for("To the bank account that ends in")


def finance_pays_and_reconciles(stage: Stage, way: Way) -> None:
    """Make a run, approve it as a second person, see it go, and find Stripe and the books equal."""
    finance_makes_and_approves_a_run(stage.ground, stage, way)
    stage.days_pass(7)
    with hands(stage.ground, way) as maker:
        maker.sign_in(stage.hire("finance"), "/finance/reconciliation")
        maker.press("Ask Stripe now")
        stage.settle()
        maker.waits_for(re.compile(r"Difference \D*0[.,]00"), "All lines match")
