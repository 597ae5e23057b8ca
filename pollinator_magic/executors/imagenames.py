"""Names of container images as registries know them: what a job may ask for, and never an option or a path."""

from __future__ import annotations

import re

from pollinator_magic.errors import PollinatorError

_LONGEST = 220  # so that a name with its special characters spelled out is still the name of a file
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_DIGEST = r"[a-z0-9]+:[0-9a-f]{32,}"
_NAME = re.compile(rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*(?::{_TAG})?(?:@{_DIGEST})?")


class ImageRefused(PollinatorError):
    """A name that is none of an image."""


def registry_name(text: str) -> str:
    """Return the name as a registry knows it, such as `python:3.12` or `ghcr.io/a/b@sha256:…`; raise ImageRefused.

    A `docker://` in front of it says nothing new, and is dropped.
    """
    name = text.removeprefix("docker://")
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        shown = repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
        raise ImageRefused(
            f"{shown} is not the name of a container image. "
            "It should look like python:3.12 or ghcr.io/owner/name:tag, with the path in small letters."
        )
    return name
