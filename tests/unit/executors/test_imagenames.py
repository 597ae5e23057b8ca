"""Which texts are names of images."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.executors.imagenames import ImageRefused, registry_name

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "name",
    [
        "python",
        "python:3.12-rc-bookworm",
        "colonyos/hpcexecutor:v1.0.8",
        "ghcr.io/owner/name__x:TAG_1.2",
        "localhost:5000/a/b-c.d/e",
        f"docker.io/library/python@{DIGEST}",
        f"Registry.Example.org/a:1@{DIGEST}",
    ],
)
def test_names_of_registries_are_taken_as_they_are(name):
    assert registry_name(name) == name
    assert registry_name("docker://" + name) == name


@pytest.mark.parametrize(
    "text",
    [
        *("", "-v", "--privileged", "Python", "a b", "a\n", "a:b:c", "../a", "a/../b", "a//b", "/etc/passwd", "a;id"),
        *("$(id)", "a@sha256:12", "docker://", "docker://-x", "oras://a", "a" * 300, "a/" * 100 + "b-", "é", "a\0"),
    ],
)
def test_everything_else_is_refused_with_an_example(text):
    with pytest.raises(ImageRefused, match=r"python:3\.12"):
        registry_name(text)


@given(st.text())
def test_no_name_begins_like_an_option_or_a_path_or_needs_quoting(text):
    try:
        name = registry_name(text)
    except ImageRefused:
        return
    assert name[0].isalnum()
    assert not set(name) & set(" \t\n\\\"'$`;&|<>()*?[]#~%=,\0")
    assert ".." not in name
