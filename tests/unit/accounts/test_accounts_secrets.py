"""Sealed seeds, passwords, one-time codes, legal numbers."""

from __future__ import annotations

import dataclasses
import datetime as dt
from types import SimpleNamespace

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.accounts import agreements, legal, limits, passwords, sealing, totp
from marketplace.core import config
from marketplace.core.errors import InvalidInput, RateLimited

KEY, OTHER = "k" * 32, "o" * 32
NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_what_was_sealed_opens_for_its_context_and_key_only(plain):
    sealed = sealing.seal(plain, "totp/1", KEY)
    assert sealing.unseal(sealed, "totp/1", [OTHER, KEY]) == plain
    assert sealed != sealing.seal(plain, "totp/1", KEY)
    for context, keys in (("totp/2", [KEY]), ("totp/1", [OTHER]), ("totp/1", [])):
        with pytest.raises(sealing.SealBroken):
            sealing.unseal(sealed, context, keys)


@given(st.integers(min_value=0, max_value=200), st.integers(min_value=0, max_value=7))
def test_a_sealed_secret_with_one_bit_changed_does_not_open(position, bit):
    raw = bytearray(sealing.base64.urlsafe_b64decode(sealing.seal("JBSWY3DPEHPK3PXP", "c", KEY)[2:]))
    raw[position % len(raw)] ^= 1 << bit
    with pytest.raises(sealing.SealBroken):
        sealing.unseal("1:" + sealing.base64.urlsafe_b64encode(bytes(raw)).decode(), "c", [KEY])


def test_what_is_no_seal_does_not_open():
    for text in ("", "1:", "2:AAAA", "plain", "1:AAAA"):
        with pytest.raises(sealing.SealBroken):
            sealing.unseal(text, "c", [KEY])


def test_a_code_belongs_to_the_step_of_its_moment_and_one_beside_it():
    secret = pyotp.random_base32()
    codes, step = pyotp.TOTP(secret), int(NOW.timestamp()) // 30
    for drift in (-1, 0, 1):
        assert totp.step_of(secret, codes.generate_otp(step + drift), NOW) == step + drift
    for wrong in (
        "",
        "12345",
        "1234567",
        "１２３４５６",
        "abcdef",
        "-12345",
        "12 456",
        codes.generate_otp(step + 40),
    ):
        assert totp.step_of(secret, wrong, NOW) is None


def test_a_password_is_verified_whether_or_not_there_is_somebody(settings):
    made = passwords.hash_password("a long sentence about pears")
    assert made.startswith("$argon2id$")
    assert passwords.matches("a long sentence about pears", made)
    assert not passwords.matches("a long sentence about apples", made)
    assert not passwords.matches("a long sentence about pears", None)


def test_outside_tests_a_password_costs_64_megabytes_and_three_rounds(settings):
    config.use(dataclasses.replace(settings, mode="production"))
    assert passwords.hash_password("a long sentence about pears").startswith(
        "$argon2id$v=19$m=65536,t=3,p=4$"
    )


@pytest.mark.parametrize(
    "password", ["", "x" * 257, "fourteen chars", "a" * 40, "abababababababab", "Pear@Example.org.x"]
)
def test_a_weak_password_is_refused(password):
    with pytest.raises(InvalidInput):
        passwords.refuse_weak(password, "pear@example.org.X")


def test_a_password_of_256_characters_in_any_script_is_taken():
    passwords.refuse_weak("пятнадцать букв и пробелы", "x")
    passwords.refuse_weak("abcde" * 51 + "f")


def test_numbers_of_companies_are_checked_by_their_country():
    assert legal.registration_number("12.34 56 78", "NL") == "12345678"
    assert legal.registration_number("HRB 12345", "DE") == "HRB 12345"
    assert legal.vat_number("NL 0044.95445.B01", "NL") == "NL004495445B01"
    assert legal.vat_number("EL094259216", "GR") == "EL094259216"
    assert legal.vat_number("GB 123", "GB") == "GB 123"
    for number, country in (("1234567", "NL"), ("=cmd|x", "DE"), ("", "NL"), ("x" * 41, "DE")):
        with pytest.raises(InvalidInput):
            legal.registration_number(number, country)
    for number, country in (
        ("NL004495446B01", "NL"),
        ("NL004495445B01", "BE"),
        ("", "NL"),
        (None, "NL"),
        ("<b>", "US"),
    ):
        with pytest.raises(InvalidInput):
            legal.vat_number(number, country)


def test_tries_run_out_and_are_forgiven(settings, monkeypatch):
    limits._storage.cache_clear()
    for _ in range(10):
        limits.spend("sign_in.person_address", "a", "b")
    with pytest.raises(RateLimited) as refusal:
        limits.spend("sign_in.person_address", "a", "b")
    assert 1 <= refusal.value.facts["retry_after"] <= 301
    limits.spend("sign_in.person_address", "a", "c")
    limits.forgive("sign_in.person_address", "a", "b")
    limits.refuse_exhausted("sign_in.person_address", "a", "b")
    limits.spend("sign_in.person_address", "a", "b")


def test_a_text_never_changes_once_it_has_a_number():
    # People agreed to these very bytes: change a text by adding the next number.
    assert {(one.kind, one.version): one.sha256[:16] for one in agreements.present()} == {
        ("terms", 1): "3ee2dc1bf616592a",
        ("data_processing", 1): "e73731c8f47ec3c9",
        ("self_billing", 1): "fb0b636969241593",
    }


def test_the_newest_number_of_a_text_is_in_force(monkeypatch, tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    for name in ("terms.2.txt", "terms.10.txt", "terms.9.txt", "other.1.txt", "terms.x.txt"):
        (folder / name).write_text(name)
    monkeypatch.setattr(agreements, "resources", SimpleNamespace(files=lambda _package: tmp_path))
    agreements.present.cache_clear()
    assert [one.text for one in agreements.present()] == ["terms.10.txt"]
    agreements.present.cache_clear()
