"""A spoken code says of itself whether it was heard right, and leads back to what was meant after one error."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.links import spoken

LETTERS = st.text(spoken.ALPHABET, min_size=5, max_size=5)


def test_the_check_finds_every_single_wrong_character_and_every_swap():
    # The sum is linear: an error is found exactly when what it adds is not divisible by 17. All of them, once each.
    values = range(len(spoken.ALPHABET))
    for place in range(1, spoken.LENGTH + 1):
        for was, became in itertools.permutations(values, 2):
            assert place * (became - was) % 17
    for one, other in itertools.combinations(range(1, spoken.LENGTH + 1), 2):
        for first, second in itertools.permutations(values, 2):
            assert (one * (second - first) + other * (first - second)) % 17


def test_all_single_errors_and_neighbour_swaps_of_many_codes_are_found_by_the_function_itself():
    starts = itertools.islice(itertools.product(spoken.ALPHABET, repeat=5), 0, None, 4001)
    for code in (spoken.complete("".join(start)) for start in starts):
        assert not spoken.fails(code)
        for place, other in itertools.product(range(6), spoken.ALPHABET):
            wrong = code[:place] + other + code[place + 1 :]
            assert spoken.fails(wrong) == (wrong != code)
        for place in range(5):
            swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
            assert spoken.fails(swapped) == (swapped != code)


@given(LETTERS, st.data())
def test_one_error_leads_back_to_the_code(start, data):
    code = spoken.complete(start)
    place = data.draw(st.integers(0, 5))
    other = data.draw(st.sampled_from([one for one in spoken.ALPHABET + "0O1ILEU*" if one != code[place]]))
    wrong = code[:place] + other + code[place + 1 :]
    left_out, doubled = code[:place] + code[place + 1 :], code[:place] + other + code[place:]
    assert code in spoken.near(wrong)
    assert code in spoken.near(left_out)
    assert code in spoken.near(doubled)
    swap = min(place, 4)
    swapped = code[:swap] + code[swap + 1] + code[swap] + code[swap + 2 :]
    assert swapped == code or code in spoken.near(swapped)
    assert all(len(spoken.near(one)) <= 11 for one in (wrong, left_out, doubled))


@given(st.text(max_size=12))
def test_any_text_is_read_and_what_is_near_is_right(text):
    typed = spoken.squeeze(text)
    for code in spoken.near(typed):
        assert not spoken.fails(code) and code != typed
    assert (spoken.shown(typed) is None) == spoken.fails(typed)


@pytest.mark.parametrize("typed", ["k7f-3mx", " K7F 3MX ", "K7F\u20113mx", "k 7 f 3 m x", "K7F\u00a03MX"])
def test_case_spaces_and_hyphens_do_not_matter(typed):
    assert spoken.squeeze(typed) == "K7F3MX"


def test_the_alphabet_is_free_of_what_looks_alike_and_of_vowels():
    assert len(spoken.ALPHABET) == len(set(spoken.ALPHABET)) == 17
    assert not set(spoken.ALPHABET) & set("0OQD1IL2Z5S8BUVGNAE")
    assert spoken.draw() != spoken.draw()


def test_two_errors_and_a_right_code_have_nothing_near_that_differs_by_one():
    code = spoken.complete("K7F3M")
    assert code not in spoken.near(code)
    assert spoken.near("OOOOOO") == ()
    assert spoken.near("") == ()
