"""Google's categories are the same by number, in English and in Dutch; what isn't Google's stays as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalogue.taxonomy import google as taxonomy
from marketplace.catalogue.taxonomy import store as taxonomy_store
from marketplace.core.money import Money
from marketplace.offers.rates import EXCLUDED, Flat, Percent, Rule, RuleBook

KITCHEN = "Home & Garden > Kitchen & Dining"


@pytest.fixture(autouse=True)
def only_what_ships():
    yield
    taxonomy._known.clear()


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("638", KITCHEN), (" 638 ", KITCHEN), ("Huis en tuin > Keuken en eetkamer", KITCHEN), ("huis & tuin>keuken & EETKAMER", KITCHEN),
        ("Home and Garden > Kitchen and Dining", KITCHEN), ("784", "Media > Books"), ("Media > Boeken", "Media > Books"),
        ("1868", "Food, Beverages & Tobacco > Beverages > Coffee"), ("Speelgoed en spellen > Puzzels", "Toys & Games > Puzzles"),
        ("0", None), ("99999999", None), ("9" * 50, None), ("Koffie > Bonen", None), ("", None), ("Keuken en eetkamer", None),
        ("٣", None), ("²", None),
    ],
)  # fmt: skip
def test_a_category_is_known_by_number_and_by_path_in_either_language(text, path):
    assert taxonomy.path_of(text) == path


def test_what_ships_is_a_tree_with_each_number_once():
    rows = taxonomy.bundled().by_id.values()
    paths = {row.english for row in rows}
    assert len(rows) >= 800
    assert len(paths) == len(rows)
    assert {row.english[:-1] for row in rows if len(row.english) > 1} <= paths
    dutch = [row.dutch for row in rows if row.dutch]
    assert len(dutch) >= 650
    assert all(row.dutch is None or len(row.dutch) == len(row.english) for row in rows)
    assert {path[:-1] for path in dutch if len(path) > 1} <= set(dutch)


def test_dutch_names_of_two_categories_are_never_the_same_path():
    seen = {}
    for row in taxonomy.bundled().by_id.values():
        if row.dutch:
            assert seen.setdefault(row.dutch, row.id) == row.id


@given(st.text(max_size=200))
def test_no_text_raises(text):
    taxonomy.path_of(text)
    taxonomy.comparable(text)


@pytest.mark.parametrize(
    "deeper", ["", " > Iets eigens", " > Keukenmachines", " > Keukenmachines > Broodmachines > Rood"]
)
def test_a_path_under_another_stays_under_it_in_whichever_language(deeper):
    above = taxonomy.comparable(KITCHEN)
    for written in (KITCHEN, "Huis en tuin > Keuken en eetkamer"):
        assert taxonomy.comparable(written + deeper)[: len(above)] == above


RULE = Rule(None, KITCHEN, Percent(500))


@pytest.mark.parametrize("rule", [KITCHEN, "Huis en tuin > Keuken en eetkamer", "638"])
@pytest.mark.parametrize(
    "product", [KITCHEN, "638", "730", "Huis en tuin > Keuken en eetkamer > Keukenmachines > Eigen"]
)
def test_a_rule_holds_for_a_category_however_either_names_it(rule, product):
    book = RuleBook(Percent(100), (Rule(None, rule, Percent(500)),))
    assert book.match("A", product).outcome == Percent(500)
    assert book.match("A", "Media > Books").source == "default"


def test_an_exclusion_in_dutch_wins_over_a_rate_in_english():
    flat = Flat(Money.parse("5.00", "EUR"), "item")
    book = RuleBook(Percent(1), (Rule(None, KITCHEN, flat), Rule(None, "Huis en tuin", EXCLUDED)))
    assert book.match("A", "734").source == "exclusion"


def test_a_shops_own_path_is_compared_as_it_is_written():
    book = RuleBook(Percent(1), (Rule(None, "Koffie > Bonen", Percent(2)),))
    assert book.match("A", "koffie > BONEN > Filter").outcome == Percent(2)
    assert book.match("A", "Koffie").source == "default"


def test_what_was_loaded_is_known_to_feeds_and_not_to_rules():
    more = taxonomy.Category(424242, ("Home & Garden", "New"), ("Huis en tuin", "Nieuw"))
    taxonomy.use({424242: more, 638: taxonomy.Category(638, ("Wrong",))})
    assert taxonomy.path_of("424242") == taxonomy.path_of("Huis en tuin > Nieuw") == "Home & Garden > New"
    assert taxonomy.path_of("638") == KITCHEN
    assert taxonomy.comparable("424242") == ("424242",)


@pytest.mark.parametrize("text", ["x | A", "1", "1 | A\n      2 | B", "1 | A | B | C", "  1 | A"])
def test_our_own_file_is_refused_where_a_line_is_none(text):
    with pytest.raises(ValueError, match="line"):
        taxonomy.read_data(text)


def test_googles_own_file_is_read_line_by_line():
    text = "\ufeff# Google_Product_Taxonomy_Version: 2021-09-21\r\n1 - Animals & Pet Supplies\r\n3237 - Animals & Pet Supplies > Live Animals\r\n"
    assert taxonomy_store.rows_of(text) == [
        (1, "Animals & Pet Supplies"),
        (3237, "Animals & Pet Supplies > Live Animals"),
    ]


@pytest.mark.parametrize("text", ["", "# only a comment\n", "Animals", "1- A", "x - A", "1 - "])
def test_another_file_is_refused(text):
    with pytest.raises(taxonomy_store.TaxonomyUnreadable):
        taxonomy_store.rows_of(text)


def test_loading_says_why_a_file_can_not_be_read(tmp_path, capsys):
    nameless = tmp_path / "taxonomy.txt"
    nameless.write_text("1 - A\n")
    broken = tmp_path / "taxonomy-with-ids.nl-NL.txt"
    broken.write_text("nothing")
    for arguments, why in (
        ([], "usage"),
        ([str(tmp_path / "none.en-US.txt")], "No such file"),
        ([str(nameless)], "language"),
        ([str(broken)], "line 1"),
    ):
        assert taxonomy_store.run(arguments) == 2
        assert why in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "language", "told"),
    [
        ("Home & Garden", "nl", "Huis en tuin"),
        ("Huis en tuin", "en", "Home & Garden"),
        ("home and garden > Peren & zo", "nl", "Huis en tuin > Peren & zo"),
        ("Apparel & Accessories", "nl", "Apparel & Accessories"),
        ("Peren > Home & Garden", "nl", "Peren > Home & Garden"),
        ("", "nl", ""),
    ],
)
def test_a_category_is_told_in_a_language_as_far_as_its_names_are_known(path, language, told):
    assert taxonomy.told(path, language) == told
