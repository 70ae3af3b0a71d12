"""The pictures of the demo's products: well-formed, small, ours alone, and the same each time."""

from lxml import etree

from marketplace.devtools.world.draw_books import MOTIFS
from marketplace.devtools.world.drawings import KINDS, MOST_BYTES, logo, picture
from marketplace.devtools.world.shops import SHOPS, catalogue

EVERYTHING = [one for each in SHOPS for one in catalogue(each.key)]
ALLOWED = {"svg", "g", "rect", "circle", "ellipse", "path", "clipPath", "text"}


def test_every_product_has_a_small_well_formed_picture_without_scripts_or_addresses() -> None:
    for one in EVERYTHING:
        drawn = picture(one)
        root = etree.fromstring(drawn)
        assert len(drawn) < MOST_BYTES, one.sku
        assert root.get("viewBox") == "0 0 400 400"
        assert {etree.QName(element).localname for element in root.iter()} <= ALLOWED - {"text"}, one.sku
        assert drawn.count(b"http") == 1, one.sku
        named = {element.get("id") for element in root.iter() if element.get("id")}
        used = {(element.get("clip-path") or "")[5:-1] for element in root.iter()} - {""}
        assert named == used, one.sku


def test_pictures_differ_from_product_to_product_and_never_from_day_to_day() -> None:
    drawn = [picture(one) for one in EVERYTHING]
    assert len(set(drawn)) == len(drawn)
    picture.cache_clear()
    assert [picture(one) for one in EVERYTHING[::25]] == drawn[::25]


def test_every_drawing_that_is_named_can_be_drawn_and_none_is_left_over() -> None:
    kinds = {one.drawing.partition(":")[0] for one in EVERYTHING}
    assert kinds == KINDS.keys()
    assert {
        one.drawing.split(":")[1] for one in EVERYTHING if one.drawing.startswith("book:")
    } == MOTIFS.keys()


def test_every_shop_has_a_mark_with_and_without_its_name() -> None:
    for one in SHOPS:
        assert len(logo(one.key)) < MOST_BYTES
        assert one.name.encode() not in logo(one.key)
        assert one.name in logo(one.key, wide=True).decode()
        assert {
            etree.QName(part).localname for part in etree.fromstring(logo(one.key, wide=True)).iter()
        } <= ALLOWED
