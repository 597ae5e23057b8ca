"""Pillow's pictures as PNG files, where those keep every pixel."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, BinaryIO

from .arrays import imported
from .problems import Unreadable, Unsupported

if TYPE_CHECKING:
    from .content import Sink

MAX_PIXELS = 89_000_000
"""Pillow itself warns of more."""
_LOSSLESS = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def is_picture(value: object) -> bool:
    """Whether it is a picture of Pillow."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def check_picture(image: Any) -> None:
    """Raise Unsupported for a picture that a PNG file would not give back as it is."""
    if image.mode not in _LOSSLESS:
        raise Unsupported(f"it is a picture with the mode {image.mode}, which PNG does not have: use .convert('RGB')")
    if not 0 < image.width * image.height <= MAX_PIXELS:
        raise Unsupported(f"it is a picture of {image.width} x {image.height}: use numpy.asarray(…) of it")


def write_picture(image: Any, sink: Sink) -> None:
    """Write the PNG form."""
    image.save(sink, "PNG")


def read_picture(file: BinaryIO) -> Any:
    """Return the picture of a PNG file; raise Unreadable before more than MAX_PIXELS are decoded."""
    module = imported("PIL.Image")
    try:
        with module.open(file, formats=["PNG"]) as image:
            if image.width * image.height <= MAX_PIXELS:
                return image.copy()
            size = f"{image.width} x {image.height}"
    except Exception as error:  # noqa: BLE001  Pillow raises many kinds for a file that is damaged
        raise Unreadable(f"its content is no PNG picture ({type(error).__name__})") from None
    raise Unreadable(f"it is a picture of {size}, which is more than is read here")
