"""Pictures, looked at before they are shown: what they are, how large, and whether they can be decoded.

What browsers show themselves and is small goes into the notebook as it is; everything else is decoded here, within
bounds, and made into a smaller PNG or JPEG.
"""

from __future__ import annotations

import base64
import io
import warnings
from typing import TYPE_CHECKING, Any

from pollinator_magic.notebook.gallery.preview import Kind, Preview, Problem, one_line

if TYPE_CHECKING:
    from pathlib import Path

PICTURE_BYTES = 4 << 20
"""The largest picture that goes into the notebook as it is."""
PIXELS = 64 << 20
"""The largest picture that is decoded."""
CHECKED_PIXELS = 16 << 20
"""The largest picture that is decoded only to see whether it can be."""
SIDE = 1600
"""To how many pixels a large picture's sides are reduced."""

_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
_SHOWN_AS_IT_IS = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
_ALONE = {"image/png", "image/jpeg"}
"""What every front end shows as an output of its own; the others are shown by HTML."""
_STYLE = "max-width:100%;height:auto"


def picture_format(head: bytes) -> str | None:
    """Return which picture a file is, from its first bytes."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and head[6:10] != bytes(4):  # two letters are little; these four bytes are reserved
        return None
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


def picture(path: Path) -> Preview:
    """Show a picture; raise Problem if the file is none, or cannot be decoded within bounds."""
    with path.open("rb") as file:
        name = picture_format(file.read(16))
    if name is None:
        raise Problem("not a picture")
    try:
        import PIL.Image
    except ImportError:
        return _unopened(path, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sizes, which are looked at here, and of odd metadata
        try:
            with PIL.Image.open(path, formats=(name,)) as image:
                return _opened(path, name, image)
        except PIL.Image.DecompressionBombError:
            raise Problem(f"a {name} picture of far more pixels than are decoded here") from None
        except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError, OverflowError) as error:
            raise Problem(f"a {name} picture that is damaged, or not whole: {one_line(str(error), 120)}") from None


def _unopened(path: Path, name: str) -> Preview:
    """Show a small picture without Pillow, as the browser can."""
    if name not in _SHOWN_AS_IT_IS or path.stat().st_size > PICTURE_BYTES:
        return Preview(Kind.PICTURE, f"{name}; Pillow would show it here: pip install pillow")
    return _shown(_SHOWN_AS_IT_IS[name], path.read_bytes(), name)


def _opened(path: Path, name: str, image: Any) -> Preview:
    width, height = image.size
    about = f"{name}, {width:,} × {height:,} pixels"
    if width * height > PIXELS:
        return Preview(Kind.PICTURE, f"{about}: too many to be decoded here")
    if name in _SHOWN_AS_IT_IS and path.stat().st_size <= PICTURE_BYTES:
        if width * height <= CHECKED_PIXELS:
            image.load()
        return _shown(_SHOWN_AS_IT_IS[name], path.read_bytes(), about)
    image.draft("RGB", (SIDE, SIDE))  # a JPEG is decoded at about the size that is needed
    small, remark = _viewable(image)
    small.thumbnail((SIDE, SIDE))
    if max(width, height) > SIDE:
        remark += f"; reduced to {small.width:,} × {small.height:,}"
    content, mime = _encoded(small)
    return _shown(mime, content, about + remark)


def _viewable(image: Any) -> tuple[Any, str]:
    """Return a picture that can be encoded: of measured values, the range that occurs from black to white."""
    if image.mode.startswith(("I", "F")):
        values = image.convert("F")
        low, high = values.getextrema()
        scale = 255 / (high - low) if high > low else 0.0
        grey = values.point(lambda value: value * scale + -low * scale).convert("L")
        return grey, f"; values from {low:g} (black) to {high:g} (white)"
    return image.convert("RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB"), ""


def _encoded(image: Any) -> tuple[bytes, str]:
    """Encode as PNG, or where that is large and nothing is transparent, as JPEG."""
    png = io.BytesIO()
    image.save(png, "PNG")
    if len(png.getvalue()) <= PICTURE_BYTES // 4 or image.mode == "RGBA":
        return png.getvalue(), "image/png"
    jpeg = io.BytesIO()
    image.convert("RGB").save(jpeg, "JPEG", quality=85)
    return jpeg.getvalue(), "image/jpeg"


def _shown(mime: str, content: bytes, about: str) -> Preview:
    data = base64.b64encode(content).decode()
    html = f'<img alt="{about}" style="{_STYLE}" src="data:{mime};base64,{data}">'
    return Preview(Kind.PICTURE, about, html=html, alone={mime: data} if mime in _ALONE else {})
