"""Copies screenshots that the browser tests have taken to where the documents show them (`make pictures`, by hand)."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
TAKEN = ROOT / "build" / "screenshots"
SHOWN = ROOT / "docs" / "images"
MOST_BYTES = 150_000
PICTURES = {name: f"walk-{name}" for name in ("sidebar", "dialog", "job", "notification")}
"""What a document calls it, and what the test calls it."""


def main() -> int:
    missing = [taken for taken in PICTURES.values() if not (TAKEN / f"{taken}.png").exists()]
    if missing:
        print(f"Run the tests in tests/browser first: build/screenshots lacks {', '.join(missing)}.", file=sys.stderr)
        return 1
    SHOWN.mkdir(exist_ok=True)
    for shown, taken in PICTURES.items():
        small = compressed(Image.open(TAKEN / f"{taken}.png"))
        assert len(small) <= MOST_BYTES, f"{taken} is too large: take a smaller part of the page"
        (SHOWN / f"{shown}.png").write_bytes(small)
    return 0


def compressed(picture: Image.Image) -> bytes:
    """Return a PNG of at most 256 colours, which is plenty for a user interface."""
    file = io.BytesIO()
    picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue()


if __name__ == "__main__":
    sys.exit(main())
