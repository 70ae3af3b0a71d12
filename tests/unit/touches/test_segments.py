"""Segment files: what counts as a line, how far the shipper came, and what is still to ship."""

from pathlib import Path

import pytest

from tracking.touches import segments

CLICK = b"\t".join(
    [
        b"a" * 32,
        b"1795348800123",
        b"b" * 32,
        b"qualified",
        b"c" * 32,
        b"\\N",
        b"page-1",
        b"blog.example",
        b"chrome",
    ]
)


def test_lines_of_an_edge_are_lines() -> None:
    assert segments.is_line(CLICK)
    assert segments.is_line(segments.heartbeat_line(1)[:-1])
    assert segments.is_heartbeat(segments.heartbeat_line(1)[:-1])
    assert not segments.is_heartbeat(CLICK)
    assert segments.heartbeat_line(1).count(b"\t") == CLICK.count(b"\t") == len(segments.COLUMNS) - 1


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        CLICK[:-10],
        CLICK[10:],
        CLICK.replace(b"qualified", b"golden"),
        CLICK.replace(b"page-1", b"pa\\ge"),
        CLICK.replace(b"blog.example", b"b\xc3\xa9.example"),
        CLICK.replace(b"a" * 32, b"A" * 32),
        CLICK + b"\tmore",
        CLICK.replace(b"\t", b" ", 1),
        b"\x00" * 40,
    ],
)
def test_what_a_broken_disk_leaves_is_no_line(broken: bytes) -> None:
    assert not segments.is_line(broken)


def test_an_unreadable_position_means_from_the_start(tmp_path: Path) -> None:
    assert segments.read_position(tmp_path) == segments.Position(0, 0)
    segments.write_position(tmp_path, segments.Position(3, 99))
    assert segments.read_position(tmp_path) == segments.Position(3, 99)
    for text in ("", "{", "[]", '{"segment": "x", "offset": 1}', '{"segment": 1}'):
        (tmp_path / "shipped.json").write_text(text)
        assert segments.read_position(tmp_path) == segments.Position(0, 0)


def test_only_click_lines_wait_to_be_shipped(tmp_path: Path) -> None:
    segments.segment_path(tmp_path, 1).write_bytes(CLICK + b"\n")
    segments.segment_path(tmp_path, 2).write_bytes(
        CLICK + b"\n" + segments.heartbeat_line(1) + CLICK + b"\n" + segments.heartbeat_line(2)
    )
    assert segments.waiting_bytes(tmp_path) == 3 * (len(CLICK) + 1)
    segments.write_position(tmp_path, segments.Position(2, len(CLICK) + 1))
    assert segments.waiting_bytes(tmp_path) == len(CLICK) + 1
    assert segments.waiting_bytes(tmp_path, limit=10) > len(CLICK) + 1


@pytest.mark.parametrize("name", ["edge", "edge-2", "a1"])
def test_slot_names(name: str) -> None:
    assert segments.is_slot(name)


@pytest.mark.parametrize("name", ["", "-a", "../x", "a/b", "Edge", "a" * 41, ".", "a\n"])
def test_other_names_are_no_slots(name: str) -> None:
    assert not segments.is_slot(name)
