"""Results made of a name and a content."""

from __future__ import annotations

import pytest

from pollinator_magic.jobs.results import Result


@pytest.fixture
def result(tmp_path):
    def make(name: str, content: bytes | str) -> Result:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return Result(name, path)

    return make
