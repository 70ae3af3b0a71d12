"""The five kinds of influence are complete in both languages, and evidence moves only where somebody may move it."""

import itertools

import pytest

from marketplace.accounts import advisers, evidence_moves, influence
from marketplace.core.errors import IllegalTransition


def test_there_are_five_kinds_and_all_but_the_crowd_are_people():
    assert set(influence.KINDS) == {*advisers.KINDS, "crowd"}
    assert {name for name, kind in influence.KINDS.items() if not kind.is_person} == {"crowd"}
    assert influence.CROWD.rewards == () and influence.CROWD.verified_by == "computed"
    assert [influence.crowd_speaks(count) for count in (0, 4, 5)] == [False, False, True]


def test_every_text_is_there_in_dutch_and_english_and_they_differ():
    for kind in influence.KINDS.values():
        told = [kind.evidence_wanted, kind.badge, kind.report_line]
        told += [text for one in kind.disclosures.values() for text in (one.label, one.text)]
        for texts in told:
            shown = influence.filled(texts, kind)
            assert tuple(shown) == influence.LANGUAGES
            assert shown["nl"] != shown["en"] and "{" not in shown["nl"] + shown["en"]


def test_each_kind_says_its_relation_its_rewards_and_a_weight_and_these_add_up():
    for kind in influence.KINDS.values():
        assert set(kind.disclosures) <= set(influence.RELATIONS) and kind.disclosures
        assert set(kind.rewards) <= set(influence.REWARDS)
    assert sum(kind.weight_bp for kind in influence.KINDS.values()) == 10_000
    # Whoever may earn a share must have the words for it; who gets nothing for it never says "reclame".
    for kind in influence.KINDS.values():
        assert ("affiliate" in kind.disclosures) == kind.is_person
        for relation, one in kind.disclosures.items():
            assert ("reclame" in one.label["nl"].lower()) == (relation in ("paid", "received", "affiliate"))


POSSIBLE = {
    "expert": {
        ("stated", "in_review"), ("stated", "withdrawn"), ("in_review", "verified"), ("in_review", "refused"),
        ("in_review", "withdrawn"), ("verified", "refused"), ("verified", "expired"), ("verified", "withdrawn"),
    },
    "user": {
        ("stated", "verified"), ("stated", "refused"), ("stated", "withdrawn"), ("verified", "refused"),
        ("verified", "expired"), ("verified", "withdrawn"),
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", POSSIBLE)
def test_evidence_moves_as_its_kind_says_and_not_otherwise(kind):
    for was, wanted in itertools.product(evidence_moves.STATES, repeat=2):
        if (was, wanted) in POSSIBLE[kind]:
            evidence_moves.require(kind, was, wanted)
        else:
            with pytest.raises(IllegalTransition):
                evidence_moves.require(kind, was, wanted)


def test_nobody_decides_about_what_somebody_else_knows():
    for kind in advisers.KINDS:
        decider = influence.KINDS[kind].verified_by
        evidence_moves.require_decider(kind, decider)
        with pytest.raises(evidence_moves.DecidedElsewhere):
            evidence_moves.require_decider(kind, {"admin": "shop", "shop": "admin"}[decider])
