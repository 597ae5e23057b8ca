"""JSON as a tree: complete where it is small, bounded where it is large or deep, and text where it is broken."""

from __future__ import annotations

import json
import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.notebook.gallery import trees
from pollinator_magic.notebook.gallery.kinds import preview
from pollinator_magic.notebook.gallery.trees import Node, read_tree

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)


def rebuilt(node: Node):
    """What the tree says, as a value again."""
    if node.text == "[":
        return [rebuilt(child) for child in node.children]
    if node.text == "{":
        return {child.label: rebuilt(child) for child in node.children}
    return json.loads(node.text)


@given(VALUES)
def test_the_tree_says_what_the_file_says(value):
    text = json.dumps(value)

    root, error = read_tree(text)

    assert error is None
    assert json.dumps(rebuilt(root)) == json.dumps(json.loads(text))


@given(st.text(alphabet='{}[],:"\\ 10truefalsn.e-', max_size=30))
def test_what_python_takes_for_json_is_taken_and_nothing_else(text: str):
    def reads(read) -> bool:
        try:
            return read(text)
        except ValueError:
            return False

    def python(text: str) -> bool:
        json.loads(text, strict=False)
        return True

    assert reads(lambda text: read_tree(text)[1] is None) == reads(python)


def test_a_small_file_is_a_tree_that_opens(result):
    shown = preview(result("v.json", '{"x": {"y": [1, "two"]}, "z": null}'))

    assert shown.html.count("<details") == 3
    assert '<b style="font-weight:600">x</b>' in shown.html
    assert "&quot;two&quot;" in shown.html
    assert "  x: { 1 key }" in shown.plain


def test_json_nested_ten_thousand_deep_is_shown_as_far_as_it_is_useful(result):
    shown = preview(result("deep.json", "[" * 10_000 + "1" + "]" * 10_000))

    assert "1 item" in shown.about
    assert trees.DEPTH <= shown.html.count("<details") <= trees.DEPTH + 2
    assert len(shown.html) < 10_000


def test_a_large_file_is_a_tree_of_its_beginning(result):
    content = json.dumps({"values": list(range(300_000)), "after": 1})

    tracemalloc.start()
    try:
        shown = preview(result("large.json", content))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()

    assert "at least" in shown.html
    assert "only the first 512 KiB were read" in shown.about
    assert len(shown.html) < 60_000


def test_what_is_left_out_is_counted(result):
    shown = preview(result("v.json", json.dumps({"many": list(range(1_000)), "after": 1})))

    assert "[ 1,000 items ]" in shown.html
    assert f"{1_000 - trees.CHILDREN} more values" in shown.html
    assert "after" in shown.html


def test_a_large_branch_leaves_room_for_those_after_it():
    root, _ = read_tree(json.dumps([[[n] * 50 for n in range(300)], {"after": True}]))

    assert root.children[0].count == 300
    assert root.children[1].children[0].label == "after"


@pytest.mark.parametrize("text", ["{x", '{"a": 1', "[1, 2", "nul", '{"a" 1}', "[1] 2", '"open'])
def test_broken_json_is_shown_as_text_with_what_is_wrong(result, text: str):
    shown = preview(result("v.json", text))

    assert "not sound JSON" in shown.about
    assert re.search(r"line 1", shown.about)
    assert "<pre" in shown.html
    assert text in shown.plain


def test_half_a_character_can_be_sent_to_the_notebook(result):
    shown = preview(result("half.json", '{"a\\ud800": "\\ud800"}'))

    assert shown.html.encode()
    assert shown.plain.encode()
