"""What a browser would make of HTML that is put into a notebook."""

from __future__ import annotations

from html.parser import HTMLParser

_TEXT = {"b", "br", "code", "div", "em", "i", "li", "pre", "small", "span", "strong", "ul"}
_TABLES = {"table", "tbody", "td", "th", "thead", "tr"}
_ELEMENTS = _TEXT | _TABLES | {"a", "audio", "details", "iframe", "img", "object", "summary", "video"}
_BEGINNINGS = {"src": "data:", "data": "data:application/pdf;base64,"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in _ELEMENTS:
            self.wrong.append(f"<{tag}>")
        for name, value in [(name, value or "") for name, value in attrs]:
            if name.startswith("on") or name == "formaction":
                self.wrong.append(f"{tag} {name}")
            if name in _BEGINNINGS and not value.startswith(_BEGINNINGS[name]):
                self.wrong.append(f"{tag} {name}={value[:40]}")
            if name == "href" and (":" in value or value.startswith("/")):
                self.wrong.append(f"{tag} href={value[:40]}")
            if name == "style" and ("url(" in value or "expression" in value):
                self.wrong.append(f"{tag} style={value[:40]}")
        if tag == "iframe" and ("sandbox", "") not in attrs:
            self.wrong.append("a frame that may do something")


def dangers(html: str) -> list[str]:
    """Everything in this HTML that could run, reach out, or is no element of ours."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.wrong
