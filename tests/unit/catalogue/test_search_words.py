"""Words are brought to one form, whatever is typed, and a question is never more than words."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalogue import folding, indexing
from marketplace.catalogue.search import words

STEMS = {
    "koffiemolens": (("koffiemol",), ("koffiemolen",)),
    "van": ((), ("van",)),
    "the": (("the",), ()),
    "o'x": (("o'x",), ("o\\x",)),
}


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Café Crème", "cafe creme"), ("Ethiopië 250 g", "ethiopie 250 g"), ("KM-100/B", "km 100 b"), ("baby's", "baby"),
        ("foto’s", "foto"), ("l'orange", "l orange"), ("Straße", "strasse"), ("smørrebrød", "smorrebrod"), ("ﬁlter", "filter"),
        ("thee_ei", "thee ei"), ("  a\tb\nc ", "a b c"), ("100%", "100"), ("☕️", ""), ("İstanbul", "istanbul"), ("x" * 61, ""),
        ("قَهْوَة", "قهوة"),
    ],
)  # fmt: skip
def test_accents_capitals_and_signs_go_away(text, folded):
    assert folding.fold(text) == folded


@given(st.text())
def test_any_text_folds_to_words_that_fold_to_themselves(text):
    folded = folding.fold(text)
    assert folding.fold(folded) == folded
    assert folded == folded.strip()
    assert all(char == " " or char.isalnum() for char in folded)


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_the_short_way_for_plain_letters_gives_what_the_long_way_gives(text):
    assert folding.fold(text) == folding.fold(f"é {text}").removeprefix("e").strip()


@given(st.text(max_size=2000))
def test_a_question_is_at_most_eight_words(text):
    asked = folding.asked_words(text)
    assert len(asked) <= folding.MOST_WORDS
    assert len(set(asked)) == len(asked)


@given(st.lists(st.text(min_size=1, max_size=20), max_size=8))
def test_a_query_is_lexemes_in_quotes_and_nothing_else(asked):
    query = words.query_of(asked, {})
    bare = re.sub(r"'(?:[^'\\]|''|\\\\)*'", "Q", query)
    assert set(bare) <= set("Q &|()")


def test_every_word_must_occur_in_any_form_of_either_language():
    assert words.query_of(["koffiemolens"], STEMS) == "('koffiemolens' | 'koffiemol' | 'koffiemolen')"
    assert words.query_of(["koffiemolens"], STEMS, language="nl") == "('koffiemolens' | 'koffiemol')"
    assert words.query_of(["koffiemolens"], STEMS, mark="T").count("'T") == 3


def test_a_stop_word_of_either_language_is_left_out_unless_nothing_else_is_asked():
    assert "van" not in words.query_of(["koffiemolens", "van"], STEMS)
    assert words.query_of(["van", "the"], STEMS) == "('van') & ('the')"
    assert "van" in words.query_of(["van", "koffiemolens"], STEMS, language="en")


def test_quotes_and_backslashes_stay_inside():
    assert words.quoted("o'x\\") == "'o''x\\\\'"


def test_a_product_is_found_by_seven_parts_without_a_tab_of_its_own():
    text = indexing.index_text(
        title="Een\tmolen", brand=None, sku="KM\t1", gtin="871", category="Huis en tuin > Keuken en eetkamer",
        product_type=None, description="De molen maalt voor het ontbijt. " * 50,
    )  # fmt: skip
    parts = text.split("\t")
    assert len(parts) == 7
    assert parts[:3] == ["een molen", "", "km 1 871"]
    assert parts[3] == "home garden kitchen dining huis en tuin keuken en eetkamer"
    assert parts[4]
    assert not parts[5]
    assert parts[6].split() == indexing.category_keys("638")


@pytest.mark.parametrize(
    ("told", "dutch", "english"),
    [
        ("De molen van het huis", True, False),
        ("The mill and the house", False, True),
        ("Titanium 3 mm", True, True),
    ],
)
def test_a_description_is_stemmed_in_its_own_language_and_in_both_when_nothing_tells(told, dutch, english):
    parts = indexing.index_text(
        title="x", brand=None, sku="1", gtin=None, category="", product_type=None, description=told
    ).split("\t")
    assert (bool(parts[4]), bool(parts[5])) == (dutch, english)


@pytest.mark.parametrize(
    ("one", "other", "far"),
    [("tent", "tent", 0), ("tnet", "tent", 1), ("kofie", "koffie", 1), ("tent", "", 4), ("abc", "xyz", 3), ("slaapzka", "slaapzak", 1)],
)  # fmt: skip
def test_distance_counts_letters_that_are_wrong(one, other, far):
    assert words.distance(one, other) == words.distance(other, one) == far


def test_short_words_are_turned_at_every_place():
    assert "tent" in words.turned("tnet")
    assert words.turned("ab") == words.turned("koffiemolen") == []


def test_what_stands_in_the_index_is_what_unicode_calls_letters_and_digits():
    assert unicodedata.is_normalized("NFC", folding.fold("e\u0323\u0302"))
