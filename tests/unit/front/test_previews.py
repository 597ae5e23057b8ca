"""What is put into a notebook of what a job brought back, which nobody vouches for."""

from __future__ import annotations

import base64
import struct
import tracemalloc
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pollinator_magic.jobs.results import Result
from pollinator_magic.notebook import previews
from pollinator_magic.notebook.previews import preview


@pytest.fixture
def result(tmp_path):
    def make(name: str, content: bytes | str) -> Result:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return Result(name, path)

    return make


def tiny_png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(b"\0\0"))
        + chunk(b"IEND", b"")
    )


def test_a_picture_is_shown_as_a_picture(result):
    png = tiny_png()

    assert base64.b64decode(preview(result("a.png", png))["image/png"]) == png


def test_a_picture_that_is_too_large_for_a_notebook_is_only_named(result, monkeypatch):
    monkeypatch.setattr(previews, "MAX_PICTURE", 10)

    assert preview(result("a.png", tiny_png())) is None


def test_svg_is_a_picture_that_cannot_run_scripts(result):
    html = preview(result("a.svg", "<svg onload='alert(1)'><script>alert(2)</script></svg>"))["text/html"]

    assert "<script" not in html
    assert "onload" not in html
    assert html.startswith("<img ")


def test_a_table_shows_its_first_rows_and_says_how_many(result):
    text = "a,b\n" + "".join(f"{row},x\n" for row in range(100))

    bundle = preview(result("t.csv", text))

    assert "first 20 rows" in bundle["text/html"]
    assert "<th>a</th>" in bundle["text/html"]
    assert "<td>19</td>" in bundle["text/html"]
    assert "<td>20</td>" not in bundle["text/html"]


def test_a_small_table_is_not_called_a_part(result):
    assert "t.csv: 1 row<" in preview(result("t.csv", "a\n1\n"))["text/html"]


def test_json_is_indented(result):
    assert "  &quot;x&quot;: 1" in preview(result("v.json", '{"x":1}'))["text/html"]


def test_broken_json_is_shown_as_text(result):
    assert "{x" in preview(result("v.json", "{x"))["text/plain"]


def test_deep_json_does_not_grow_when_it_is_indented(result):
    content = "[" * 400 + ",".join("1" * 60_000) + "]" * 400

    tracemalloc.start()
    try:
        preview(result("deep.json", content))
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_json_with_half_a_character_can_be_sent_to_the_notebook(result):
    assert preview(result("half.json", '"\\ud800"'))["text/plain"].encode()


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.json"])
def test_a_preview_cannot_forge_the_terminal_that_shows_it(result, name: str):
    bundle = preview(result(name, "x\x1b[2J\x1b]0;title\x07,y\n"))

    assert "\x1b" not in bundle["text/plain"] + bundle["text/html"]


def test_binary_and_empty_files_are_only_named(result):
    assert preview(result("a.bin", b"\x00\x01")) is None
    assert preview(result("latin", b"caf\xe9 au lait")) is None
    assert preview(result("empty.txt", b"")) is None


def test_long_text_is_cut_between_characters(result, monkeypatch):
    monkeypatch.setattr(previews, "MAX_TEXT", 4)

    assert "aaa" in preview(result("a.txt", "aaaé"))["text/plain"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.sampled_from(["a.txt", "a.csv", "a.json", "a.html", "a.md"]), st.binary(max_size=300))
def test_no_markup_of_a_result_becomes_markup_of_the_notebook(result, name: str, content: bytes):
    bundle = preview(result(name, content + b"<script>alert('x')</script><img src=x onerror=y>"))

    assert bundle is None or ("<script" not in bundle["text/html"] and "<img" not in bundle["text/html"])
