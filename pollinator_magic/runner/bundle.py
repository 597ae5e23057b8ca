"""What a value looks like: its representations by MIME type, and a short line of text, as a notebook would have them.

Libraries are asked only if the program has imported them. A representation that fails is left out; a value of which
nothing can be said is still named.
"""

from __future__ import annotations

import sys

from .imports import own_imports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LONGEST_TEXT = 100_000
"""Characters of a plain text, which is printed into the log."""
_WIDTH = 79
_LONGEST_NAME = 80
_LONGEST_CAPTION = 16 * 1024

_METHODS = (
    ("text/html", "_repr_html_"),
    ("text/markdown", "_repr_markdown_"),
    ("text/latex", "_repr_latex_"),
    ("image/svg+xml", "_repr_svg_"),
    ("image/png", "_repr_png_"),
    ("image/jpeg", "_repr_jpeg_"),
    ("application/pdf", "_repr_pdf_"),
    ("application/json", "_repr_json_"),
    ("application/javascript", "_repr_javascript_"),
)
# What is named in the short line, best first.
_TELLING = ("image/", "application/vnd.", "text/html", "text/markdown", "text/latex", "application/")
_WIDGET = "application/vnd.jupyter.widget-view+json"


def bundle(value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the representations of a value and their metadata; "text/plain" is always among them."""
    data: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    if not isinstance(value, type) and not _has_every_attribute(value):
        found, extra = _pair(_call(value, "_repr_mimebundle_", include=None, exclude=None), {})
        if isinstance(found, dict):
            data.update(found)
            metadata.update(extra if isinstance(extra, dict) else {})
        for mime, method in _METHODS:
            # A picture needs to come only once; what else there is differs in what it can do.
            if data.get(mime) is None and not (mime == "image/jpeg" and data.get("image/png")):
                content, extra = _pair(_call(value, method), None)
                data[mime] = content
                if extra:
                    metadata[mime] = extra
        if is_figure(value):
            from . import figures

            data["image/png"] = _call(figures, "picture", value)
    if not isinstance(data.get("text/plain"), str):
        data["text/plain"] = plain(value)
    return portable(data, metadata)


def portable(data: Any, metadata: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what JSON can carry of a bundle, pictures in base64; the rest is left out."""
    kept: dict[str, Any] = {}
    for mime, content in data.items() if isinstance(data, dict) else ():
        if isinstance(mime, str) and mime != _WIDGET:  # the widget itself ends with the job
            carried = _portable(mime, content)
            if carried is not None:
                kept[mime] = carried
    extra = _plain_json(metadata) if isinstance(metadata, dict) else {}
    return kept, extra if isinstance(extra, dict) else {}


def plain(value: Any) -> str:
    """Return the text that a notebook shows for a value, in bounds."""
    try:
        return shortened(_pretty(value), LONGEST_TEXT)
    except Exception as error:  # noqa: BLE001  a value's own methods may raise anything
        return f"<{type_name(value)} object; showing it raised {type_name(error)}>"


def caption(value: Any, data: dict[str, Any]) -> str:
    """Return the short line that stands for a bundle, such as "[Figure 640x480: image/png, 21.3 KiB]"."""
    what = type_name(value) + _dimensions(value)
    return _caption(what, data)


def raw_caption(data: dict[str, Any]) -> str:
    """Return the short line for a bundle that came without its value."""
    return _caption("Output", data)


def shortened(text: str, limit: int) -> str:
    """Return `text` in at most about `limit` characters: its beginning and its end."""
    if len(text) <= limit:
        return text
    head, tail = text[: limit * 3 // 4], text[len(text) - limit // 4 :]
    return f"{head}\n… {len(text) - len(head) - len(tail):,} characters left out …\n{tail}"


def type_name(value: Any) -> str:
    """Return the name of a value's class as one short printable word."""
    name = str(getattr(type(value), "__name__", "object"))
    return "".join(character for character in name if character.isprintable())[:_LONGEST_NAME] or "object"


def _caption(what: str, data: dict[str, Any]) -> str:
    from .publisher import human_size

    rich = sorted((mime for mime in data if mime != "text/plain"), key=_rank)
    if not rich:
        return shortened(str(data.get("text/plain", f"[{what}]")), _LONGEST_CAPTION)
    mime = "".join(character for character in rich[0] if character.isprintable())[:_LONGEST_NAME]
    return f"[{what}: {mime}, {human_size(_size(data[rich[0]], rich[0]))}]"


def _rank(mime: str) -> int:
    return next((place for place, start in enumerate(_TELLING) if mime.startswith(start)), len(_TELLING))


def _size(content: Any, mime: str) -> int:
    if not isinstance(content, str):
        with own_imports():
            import json
        return len(json.dumps(content))
    return len(content) * 3 // 4 if _is_binary(mime) else len(content.encode("utf-8"))


def _dimensions(value: Any) -> str:
    """Return " 333 x 7" for what has a shape, " 640x480" for pictures; nothing where that would not be certain."""
    try:
        if is_figure(value):
            return " {:.0f}x{:.0f}".format(*value.bbox.size)
        for name, between in (("shape", " x "), ("size", "x")):
            numbers = getattr(value, name, None)
            if isinstance(numbers, tuple) and 0 < len(numbers) <= 8 and all(type(n) is int for n in numbers):
                return " " + between.join(map(str, numbers))
    except Exception:  # noqa: BLE001  a value's own methods may raise anything
        return ""
    return ""


def _call(value: Any, method: str, *words: Any, **arguments: Any) -> Any:
    try:
        function = getattr(value, method, None)
        return None if function is None else function(*words, **arguments)
    except Exception:  # noqa: BLE001  a value's own methods may raise anything
        return None


def _pair(found: Any, nothing: Any) -> tuple[Any, Any]:
    """Return content and metadata of what a method gave: both, or the content alone."""
    if isinstance(found, tuple):
        return found if len(found) == 2 else (None, nothing)
    return found, nothing


def _has_every_attribute(value: Any) -> bool:
    """Whether it is a mock or a proxy that has whatever it is asked for (the question is IPython's)."""
    try:
        return getattr(value, "_ipython_canary_method_should_not_exist_", None) is not None
    except Exception:  # noqa: BLE001  a value's own methods may raise anything
        return True


def is_figure(value: Any) -> bool:
    """Whether it is one of matplotlib's figures."""
    figure = getattr(sys.modules.get("matplotlib.figure"), "Figure", None)
    return isinstance(figure, type) and isinstance(value, figure)


def _is_binary(mime: str) -> bool:
    return mime == "application/pdf" or (mime.startswith(("image/", "audio/", "video/")) and mime != "image/svg+xml")


def _portable(mime: str, content: Any) -> Any:
    if isinstance(content, (bytes, bytearray, memoryview)):
        if not _is_binary(mime):
            return bytes(content).decode("utf-8", "replace")
        import binascii

        return binascii.b2a_base64(content, newline=False).decode("ascii")
    if isinstance(content, str):
        return content.encode("utf-8", "replace").decode("utf-8")
    if mime.startswith(("text/", "image/", "audio/", "video/")):
        return None
    return _plain_json(content)


def _plain_json(content: Any) -> Any:
    """Return `content` as JSON gives it back, None for numbers that JSON has not; None if it cannot be carried."""
    with own_imports():
        import json
    try:
        return json.loads(json.dumps(content), parse_constant=lambda _: None)
    except Exception:  # noqa: BLE001  a value's own methods may raise anything
        return None


def _pretty(value: Any) -> str:
    ipython = sys.modules.get("IPython.lib.pretty")
    if ipython is not None:
        return str(ipython.pretty(value))
    text = repr(value)
    if _WIDTH < len(text) <= LONGEST_TEXT and isinstance(value, (dict, list, tuple, set, frozenset)):
        with own_imports():
            import pprint
        text = pprint.pformat(value, width=_WIDTH, compact=True, sort_dicts=False)
    return text
