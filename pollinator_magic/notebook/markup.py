"""HTML, Markdown and TeX of a job: what of them may stand in the page, and what belongs into a frame.

A front end runs whatever is in the HTML and in the Markdown of an output that was just made, with everything that the
user may do. Nothing of a job may become that: it is either stripped to structure and text (no scripts, styles, links or
addresses but pictures within it), or it is a document of its own that reaches neither the page nor the network.
"""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

from pollinator_magic.jobs.log import printable

MAX_TAGS = 20_000
"""Up to here HTML is taken apart: the time that it takes grows with the square of how deep it is nested."""
LEAST_HEIGHT, HEIGHT, MAX_HEIGHT = 120, 480, 900
"""Of a frame, in CSS pixels: at least, where scripts draw and say nothing of it, and at most. How high a document
is can only be guessed: nothing leads out of its frame."""

_KEPT = (
    "a abbr article aside b bdi bdo blockquote br caption center cite code col colgroup data dd del details dfn div dl "
    "dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li mark nav ol p pre q rp rt ruby s samp "
    "section small span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var"
)
_GONE_WITH_CONTENT = (
    "applet audio button canvas embed form iframe math noembed noframes noscript object option script select style svg "
    "template textarea title video"
)
_CELL = {"align", "colspan", "rowspan", "scope", "valign"}
_ATTRIBUTES = {
    "*": {"dir", "lang", "title"},
    "col": {"align", "span"},
    "colgroup": {"align", "span"},
    "details": {"open"},
    "div": {"align"},
    "img": {"alt", "height", "src", "width"},
    "ol": {"start"},
    "p": {"align"},
    "table": {"align", "border", "class"},
    "td": _CELL,
    "th": _CELL,
    "tr": {"align", "valign"},
}
_DATA_PICTURE = re.compile(r"data:image/(?:png|jpe?g|gif|webp|svg\+xml)[;,]", re.IGNORECASE)
_SIZE = re.compile(r"\d{1,4}%?")

# All of these are bounded, so that no text makes them slow.
_SCRIPTED = re.compile(r"<(?:script|iframe|canvas|object|embed)\b|<[^<>]{1,4000}\son\w{1,30}\s{0,9}=", re.IGNORECASE)
_DRESSED = re.compile(
    r"<(?:svg|math|input|video|audio)\b"
    r"|<style\b(?![^<>]{0,200}\bscoped\b)"  # pandas puts a scoped one, which only moves headings, before every table
    r"|\sstyle\s{0,9}=\s{0,9}[\"']?[^\"'<>]{0,60}?\b(?:background|border|color|display|font|height|position|width)\b",
    re.IGNORECASE,
)
_BLOCK = re.compile(r"<(?:br|d[dt]|div|h\d|li|p|pre|tr)\b", re.IGNORECASE)
_PIXELS = re.compile(r"\bheight[\"']?\s{0,9}[:=]\s{0,9}[\"']?(\d{2,4})(?![\d%])", re.IGNORECASE)
_ELSEWHERE = re.compile(
    r"<script\b[^<>]{0,400}\bsrc\s{0,9}=\s{0,9}[\"']?(?:https?:)?//([\w.-]{1,80})"
    r"|\bimport\s?\(?[\"']https?://([\w.-]{1,80})",
    re.IGNORECASE,
)

_RAW_HTML = re.compile(r"<(?=[A-Za-z/!?])")
_LINK = re.compile(r"\](?=[(:\[])")
_WRITTEN_IN_NUMBERS = re.compile(r"&(?=#|bsol;)")
_JOINER = "\u2060"
"""Takes no room, and parts characters that would mean something together."""
_CODE = re.compile("`([^`<]+)`")
_REACHING_TEX = re.compile(
    r"\\(?=(?:href|url|require|includegraphics|class|cssId|style|html\w{1,9}"
    r"|mmlToken|bbox|fcolorbox|setOptions)(?![A-Za-z]))"  # of MathJax: they take attributes and styles
)
NO_TEX = 'class="mathjax_ignore tex2jax_ignore"'
"""On an element of ours: its text is no TeX, which front ends would look for in all HTML (MathJax from 3 on, and 2)."""


def escaped(text: str) -> str:
    """Return text as HTML."""
    return html.escape(printable(text))


def prose(text: str) -> str:
    """Return text of one or more lines as HTML; what stands between backticks is code."""
    lines = "<br>".join(escaped(line) for line in text.splitlines())
    return _CODE.sub(r"<code>\1</code>", lines)


def coloured(text: str, colour: str) -> str:
    """Return text as HTML, in a colour of ours."""
    return f'<span style="color:{colour}">{escaped(text)}</span>'


def linked(shown: str, url: str) -> str:
    """Return HTML that leads to a page of its own, if that is one of the web."""
    if urlsplit(url).scheme not in {"http", "https"}:
        return shown
    return f'<a href="{html.escape(url, quote=True)}" target="_blank" rel="noopener">{shown}</a>'


def progress_bar(done: int, total: int) -> str:
    """Return a bar as HTML."""
    return f'<progress value="{done}" max="{max(total, 1)}"></progress>'


def sandboxed_frame(document: str, *, scripts: bool, otherwise: str = "") -> str:
    """Return HTML that shows `document`, HTML from anywhere, in a frame of its own, with or without its scripts.

    The frame has no origin (no cookies, no storage, no way into the page) and no network. The document lies one frame
    deeper than needed for that: no policy keeps a page from leading its own frame to another address, but one keeps the
    frames within it from it. `otherwise` is text for where frames are taken out, such as the notebook of somebody else.
    """
    sources = "style-src 'unsafe-inline'; font-src data:; media-src data: blob:"
    if scripts:
        sources += "; script-src 'unsafe-inline' 'unsafe-eval'; worker-src blob:"
    policy = f"default-src 'none'; img-src data: blob:; {sources}; base-uri 'none'; form-action 'none'"
    head = f'<!DOCTYPE html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
    allowed = "allow-scripts" if scripts else ""
    inner = (head + document).replace("&", "&amp;").replace('"', "&quot;")
    outer = (
        f"{head}<style>html,body,iframe{{margin:0;border:0;width:100%;height:100%;display:block}}</style>"
        f'<iframe sandbox="{allowed}" referrerpolicy="no-referrer" srcdoc="{inner}"></iframe>'
    )
    # Browsers show nothing of what stands inside the element; what takes the element out leaves it.
    return (
        f'<iframe sandbox="{allowed}" referrerpolicy="no-referrer" srcdoc="{html.escape(outer)}" '
        f'style="width:100%;height:{_height(document, scripts=scripts)}px;border:0;background:#fff;color-scheme:light">'
        f"{html.escape(otherwise)}</iframe>"
    )


def shown_html(document: str, otherwise: str) -> str:
    """Return HTML for the page that shows `document`: in the page where that loses nothing that matters, else framed.

    `otherwise` is the text that stands for it where frames are taken out.
    """
    scripts = _SCRIPTED.search(document) is not None
    if not scripts and not _DRESSED.search(document):
        clean = clean_html(document)
        if clean is not None:
            return clean
    return sandboxed_frame(document, scripts=scripts, otherwise=otherwise) + _unreachable(document)


def clean_html(document: str) -> str | None:
    """Return the structure and text of `document`, with the pictures that it holds; None if it is too long for that."""
    if document.count("<") > MAX_TAGS:
        return None
    import nh3

    clean = nh3.clean(
        document,
        tags=set(_KEPT.split()),
        clean_content_tags=set(_GONE_WITH_CONTENT.split()),
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute,
        url_schemes={"data"},
        link_rel=None,
    ).strip()
    return _unreaching(clean)  # front ends set the TeX in HTML too


def inert_markdown(text: str) -> str:
    """Return Markdown that holds no HTML, links or pictures by address, and looks the same otherwise, in code too."""
    text = _RAW_HTML.sub("<" + _JOINER, text)
    text = _WRITTEN_IN_NUMBERS.sub("&" + _JOINER, text)  # Markdown would make a backslash, or the rest of a word, of it
    return _unreaching(_LINK.sub("]" + _JOINER, text))


def inert_tex(text: str) -> str | None:
    """Return TeX that means the same and can be no HTML; None if it would reach beyond its formula."""
    return None if _REACHING_TEX.search(text) else _RAW_HTML.sub("< ", text)


def _unreaching(text: str) -> str:
    """Return text in which no TeX can reach beyond its formula."""
    return _REACHING_TEX.sub(lambda _: "\\" + _JOINER, text)


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "src":
        return value if _DATA_PICTURE.match(value) else None
    if name == "class":
        return value if value == "dataframe" else None
    if tag == "img" and name in {"height", "width"}:
        return value if _SIZE.fullmatch(value) else None
    return value


def _height(document: str, *, scripts: bool) -> int:
    """Guess the height that a document needs, by what it says of heights and by its rows and paragraphs."""
    written = LEAST_HEIGHT // 2 + 26 * len(_BLOCK.findall(document))
    said = [int(pixels) + 30 for pixels in _PIXELS.findall(document)] or [HEIGHT if scripts else 0]
    return min(max(written, *said, LEAST_HEIGHT), MAX_HEIGHT)


def _unreachable(document: str) -> str:
    """Say which scripts the document would have loaded: without them it may stay empty, which needs an explanation."""
    hosts = dict.fromkeys(host for pair in _ELSEWHERE.findall(document) for host in pair if host)
    if not hosts:
        return ""
    names = html.escape(", ".join(list(hosts)[:3]))
    return (
        f"<div><small>This output loads scripts from {names}; the frame that it is shown in has no network. "
        "Make it with its scripts inside, or as a picture.</small></div>"
    )
