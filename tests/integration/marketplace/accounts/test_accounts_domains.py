"""Domains: only who can write to the site proves it, once, and fetching reaches no machine of ours."""

from __future__ import annotations

import dataclasses
import http.server
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from marketplace.accounts import domains
from marketplace.core import config, fetch
from tests.name_server import NameServer


class Site:
    """A web site on loopback whose pages a test writes."""

    def __init__(self):
        self.pages, self.asked = {}, []
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                site.asked.append((self.headers["Host"], self.path))
                status, headers, body, slow = site.pages.get(self.path, (404, {}, b"", 0))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    for start in range(0, len(body), 4096) if not slow else range(len(body)):
                        self.wfile.write(body[start : start + (1 if slow else 4096)])
                        time.sleep(slow)
                except OSError:
                    return

            def log_message(self, *_args):
                return

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.server.server_port}"

    def page(self, path, body=b"", status=200, slow=0, **headers):
        self.pages[path] = (status, headers, body, slow)

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def world(fresh_world):
    """A host is verified once in a world, so each test has its own."""
    return fresh_world


@pytest.fixture
def site(world):
    one = Site()
    hosts = dict.fromkeys(("www.peren.nl", "peren.nl", "xn--prn-1na.nl", "elders.nl"), one.address)
    config.use(dataclasses.replace(config.current(), fetch_hosts=hosts))
    yield one
    one.close()


def add(person, host="www.peren.nl", status=201, **more):
    return person.post("/domains", {"host": host, **more}, status=status)


def test_a_file_with_the_token_verifies_a_host_and_makes_the_shop_live(world, site):
    owner = world.owner()
    domain = add(owner)
    assert domain["state"] == "unverified" and domain["proof_token"] in domain["instructions"]
    assert owner.post(f"/domains/{domain['id']}/verify", status=409)["code"] == "proof_missing"
    site.page("/.well-known/aanrader.txt", f"\n{domain['proof_token']}\n".encode())
    assert owner.post(f"/domains/{domain['id']}/verify")["state"] == "verified"
    assert owner.post(f"/domains/{domain['id']}/verify")["state"] == "verified"
    assert owner.get(f"/shops/{owner.facts['shop_id']}")["state"] == "live"
    assert site.asked[0] == ("www.peren.nl", "/.well-known/aanrader.txt")


def test_a_meta_tag_counts_in_the_head_and_not_where_visitors_write(world, site):
    owner = world.owner()
    domain = add(owner, proof="meta")
    tag = f'<META name="Aanrader-Verification" content=" {domain["proof_token"]} ">'
    site.page("/", f"<html><head><title>x</title></head><body>{tag}</body>".encode())
    owner.post(f"/domains/{domain['id']}/verify", status=409)
    site.page("/", f"<!doctype html><html><body><p>{tag}".encode())
    owner.post(f"/domains/{domain['id']}/verify", status=409)
    site.page("/", f"<!doctype html><meta charset=utf-8>{tag}<title>x</title><body>".encode())
    assert owner.post(f"/domains/{domain['id']}/verify")["proof"] == "meta"


@pytest.fixture
def names(world):
    server = NameServer()
    config.use(dataclasses.replace(config.current(), dns_server=server.address))
    yield server
    server.close()


def test_a_record_of_the_dns_beside_the_host_proves_it_and_one_of_the_host_itself_does_not(world, names):
    owner = world.owner()
    domain = add(owner, proof="dns")
    verify, token = f"/domains/{domain['id']}/verify", domain["proof_token"]
    assert "_aanrader.www.peren.nl" in domain["instructions"] and token in domain["instructions"]
    names.records["www.peren.nl"] = names.records["_aanrader.peren.nl"] = [token]
    missing = owner.post(verify, status=409)
    assert (missing["code"], "nothing of ours" in missing["detail"]) == ("proof_missing", True)
    names.records["_aanrader.www.peren.nl"] = ["v=spf1 -all", token[:-1]]
    assert owner.post(verify, status=409)["code"] == "proof_missing"
    names.records["_aanrader.www.peren.nl"] = ["v=spf1 -all", token]
    assert owner.post(verify)["state"] == "verified"
    assert owner.get(f"/shops/{owner.facts['shop_id']}")["state"] == "live"


def test_a_host_that_waits_is_taken_back_and_named_again_with_its_token_and_a_proved_one_never(world, site):
    owner, stranger = world.owner(), world.owner(name="Elders")
    domain = add(owner)
    withdraw, verify = f"/domains/{domain['id']}/withdraw", f"/domains/{domain['id']}/verify"
    stranger.post(withdraw, status=404)
    assert [owner.post(withdraw)["state"] for _ in range(2)] == ["withdrawn", "withdrawn"]
    assert owner.get("/domains")["items"] == []
    site.page("/.well-known/aanrader.txt", domain["proof_token"].encode())
    assert owner.post(verify, status=409)["code"] == "illegal_transition"
    assert add(owner)["proof_token"] == domain["proof_token"]
    assert owner.post(verify)["state"] == "verified"
    assert owner.post(withdraw, status=409)["code"] == "illegal_transition"
    assert len(owner.get("/domains")["items"]) == 1


def test_only_the_very_token_on_the_very_host_with_status_200_counts(world, site):
    owner = world.owner()
    domain, path = add(owner), "/.well-known/aanrader.txt"
    token = domain["proof_token"].encode()
    site.page("/proof", token)
    for page in (
        {"body": token, "status": 404}, {"body": token[:-1]}, {"body": token + b"x"}, {"body": b"\xff\xfe" + token},
        {"body": b"x " + token}, {"status": 302, "Location": "https://elders.nl/proof"},
    ):  # fmt: skip
        site.page(path, **page)
        owner.post(f"/domains/{domain['id']}/verify", status=409)
    site.page(path, status=301, Location="/proof")
    owner.post(f"/domains/{domain['id']}/verify")


def test_a_verified_host_belongs_to_one_shop_also_when_two_prove_it_at_once(world, site):
    one, two = world.owner(), world.owner(name="Elders")
    pairs = [(person, add(person)) for person in (one, two)]
    site.page("/.well-known/aanrader.txt", "\n".join(domain["proof_token"] for _, domain in pairs).encode())

    def verify(pair):
        person, domain = pair
        path = f"/api/v1/domains/{domain['id']}/verify"
        return world.client().post(path, json={}, headers=person.headers).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(verify, pairs)) == [200, 409]
    late = world.owner(name="Derde")
    assert add(late, "WWW.PEREN.NL.", status=409)["code"] == "host_taken"


def test_a_host_is_a_bare_name_in_one_spelling(world, site):
    owner = world.owner()
    assert add(owner, "Pêrên.NL")["host"] == "xn--prn-ema4d.nl" or add(owner, "Pêrên.NL")["host"].startswith(
        "xn--"
    )
    first = add(owner, "peren.nl")
    assert add(owner, "PEREN.nl.")["id"] == first["id"]
    assert add(owner, "ｐｅｒｅｎ.nl")["id"] == first["id"]
    for host in (
        "//evil.nl", "https://peren.nl", "peren.nl/path", "peren.nl:443", "user@peren.nl", "127.0.0.1", "[::1]",
        "2130706433", "0x7f.1", "localhost", "peren", "*.peren.nl", "peren..nl", "-peren.nl", "peren.nl\\@evil.nl",
        "peren .nl", "peren.nl#x", "peren.nl?x", "a" * 64 + ".nl", "%70eren.nl", "127.1", "peren_x.nl",
    ):  # fmt: skip
        add(owner, host, status=422)
    assert len(owner.get("/domains")["items"]) == 2


def test_another_shops_domain_is_no_domain(world, site):
    owner, stranger = world.owner(), world.owner(name="Elders")
    domain = add(owner)
    stranger.get(f"/domains/{domain['id']}", status=404)
    stranger.post(f"/domains/{domain['id']}/verify", status=404)
    stranger.get(f"/domains?shop_id={owner.facts['shop_id']}", status=404)
    add(stranger, "x.nl", status=404, shop_id=owner.facts["shop_id"])
    assert stranger.get("/domains")["items"] == []
    assert site.asked == []


def test_a_site_that_is_too_large_too_slow_packed_or_circular_costs_little(world, site, monkeypatch):
    owner = world.owner()
    domain = add(owner)
    verify, path = f"/domains/{domain['id']}/verify", "/.well-known/aanrader.txt"
    site.page(path, b"x" * (domains.MOST_BYTES + 1))
    assert owner.post(verify, status=422)["code"] == "fetch_refused"
    site.page(path, b"x", **{"Content-Encoding": "gzip"})
    assert owner.post(verify, status=422)["code"] == "fetch_refused"
    site.page(path, status=302, Location=path)
    assert owner.post(verify, status=422)["code"] == "fetch_refused"
    site.page(path, status=302, Location="http://169.254.169.254/latest/meta-data")
    assert owner.post(verify, status=422)["code"] == "fetch_refused"
    site.page(path, b"x" * 100, slow=0.2)
    monkeypatch.setattr(fetch.get, "__kwdefaults__", {"deadline": 1, "resolve": None})
    start = time.monotonic()
    assert owner.post(verify, status=422)["code"] == "fetch_failed"
    assert time.monotonic() - start < 5
    assert owner.get(f"/domains/{domain['id']}")["state"] == "unverified"
