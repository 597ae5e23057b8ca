"""Pictures: checked before they are shown, decoded within bounds, and harmless."""

from __future__ import annotations

import base64
import io
import sys

import numpy as np
import pytest
from PIL import Image

from pollinator_magic.notebook.gallery import pictures
from pollinator_magic.notebook.gallery.kinds import preview
from tests.unit.front.gallery import samples


def test_a_small_picture_is_shown_as_it_is(result):
    png = samples.png(1, 1, b"\0\0")

    shown = preview(result("a.png", png))

    assert base64.b64decode(shown.alone["image/png"]) == png
    assert "1 × 1 pixels" in shown.about


def test_a_large_picture_is_reduced(result, monkeypatch):
    monkeypatch.setattr(pictures, "PICTURE_BYTES", 10_000)
    content = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (2_000, 3_000, 3), dtype="uint8")).save(content, "PNG")

    shown = preview(result("a.png", content.getvalue()))

    ((mime, data),) = shown.alone.items()
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (1600, 1067)
    assert mime == "image/jpeg"
    assert "3,000 × 2,000 pixels; reduced to 1,600 × 1,067" in shown.about


@pytest.mark.parametrize("side", [60_000, 20_000])
def test_a_decompression_bomb_is_not_decoded(result, side: int):
    shown = preview(result("a.png", samples.png(side, side)))

    assert "pixels" in shown.about
    assert shown.html == ""
    assert not shown.alone


def test_a_picture_that_was_cut_off_says_so(result):
    content = io.BytesIO()
    Image.new("RGB", (200, 200), "red").save(content, "JPEG")

    shown = preview(result("a.jpg", content.getvalue()[:600]))

    assert "damaged, or not whole" in shown.about
    assert shown.html == ""


def test_a_picture_is_what_it_is_and_not_what_it_is_called(result):
    content = io.BytesIO()
    Image.new("RGB", (20, 20)).save(content, "JPEG")

    shown = preview(result("a.png", content.getvalue()))

    assert list(shown.alone) == ["image/jpeg"]
    assert "JPEG" in shown.about


def test_measured_values_are_shown_from_black_to_white(result):
    content = io.BytesIO()
    Image.fromarray(np.linspace(-5, 12.5, 100 * 50).reshape(50, 100).astype("float32")).save(content, "TIFF")

    shown = preview(result("a.tiff", content.getvalue()))

    assert "values from -5 (black) to 12.5 (white)" in shown.about
    picture = Image.open(io.BytesIO(base64.b64decode(shown.alone["image/png"])))
    assert picture.getextrema() == (0, 255)


def test_sixteen_bits_are_shown_too(result):
    content = io.BytesIO()
    Image.fromarray(np.arange(0, 40_000, 4, dtype="uint16").reshape(100, 100)).save(content, "TIFF")

    assert "values from 0 (black) to 39996 (white)" in preview(result("a.tif", content.getvalue())).about


def test_svg_is_a_picture_that_cannot_run_scripts(result):
    shown = preview(result("a.svg", "<svg onload='alert(1)'><script>alert(2)</script></svg>"))

    assert "<script" not in shown.html
    assert "onload" not in shown.html
    assert shown.html.startswith("<img ")


def svg(inside: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink">{inside}</svg>'


def nested(levels: int, reference: str) -> str:
    """Parts that are made of ten others each."""
    parts = ["<g id='a0'><path d='M0 0'/></g>"]
    parts += [f"<g id='a{n}'>{reference.format(n - 1) * 10}</g>" for n in range(1, levels + 1)]
    return svg("".join(parts) + reference.format(levels))


@pytest.mark.parametrize(
    "reference", ["<use href='#a{}'/>", "<use x:href='#a{}'/>", "<path fill='url(#a{})' d='M0 0'/>"]
)
def test_an_svg_that_asks_for_billions_of_shapes_is_shown_as_text(result, reference: str):
    assert "<img" in preview(result("a.svg", nested(2, reference))).html

    shown = preview(result("b.svg", nested(9, reference)))

    assert "<img" not in shown.html
    assert "more shapes than are drawn" in shown.about


def test_an_svg_of_circles_and_chains_is_counted_in_time(result):
    circle = svg("<g id='a'><use href='#b'/></g><g id='b'><use href='#a'/></g><g id='c'><use href='#c'/></g>")
    chain = svg("".join(f"<g id='c{n}'><use href='#c{n + 1}'/></g>" for n in range(5_000)))
    deep = svg("<g id='x'>" * 20_000 + "</g>" * 20_000)

    assert "<img" in preview(result("circle.svg", circle)).html
    assert preview(result("chain.svg", chain)).about
    assert preview(result("deep.svg", deep)).about


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE svg [<!ENTITY a "aaa"><!ENTITY b "&a;&a;">]><svg>&b;</svg>',
        svg("<image href='data:image/svg+xml;base64,AAAA'/>"),
        svg("<style>.a{fill:url(#b)}</style>"),
        "<svg><g>",
    ],
)
def test_an_svg_whose_shapes_cannot_be_counted_is_shown_as_text(result, text: str):
    shown = preview(result("a.svg", text))

    assert "<img" not in shown.html
    assert "shown as text" in shown.about


def test_without_pillow_browsers_own_pictures_are_shown_and_others_say_what_would_help(result, monkeypatch):
    content = io.BytesIO()
    Image.new("RGB", (20, 20)).save(content, "TIFF")
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)

    assert "image/png" in preview(result("a.png", samples.png(1, 1, b"\0\0"))).alone
    assert "pip install pillow" in preview(result("a.tiff", content.getvalue())).about
