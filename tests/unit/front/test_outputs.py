"""Whatever a job puts into an output, what is published of it is harmless and bounded."""

from __future__ import annotations

import base64
import html.parser
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.notebook import pictures
from pollinator_magic.notebook.outputs import MAX_CONTENT, safe_bundle, sandboxed_frame, static_html
from tests.fuzz.effort import effort

SVG = "<svg xmlns='http://www.w3.org/2000/svg' onload='pwned()'><script>pwned()</script><circle r='4'/></svg>"


class Seen(html.parser.HTMLParser):
    """The elements of a page, as a browser would make them: name and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}


def assert_harmless(text: str) -> None:
    """No element of the page itself runs anything, loads anything, or leads anywhere."""
    for tag, attributes in Seen(text).elements:
        assert tag not in {"script", "style", "link", "meta", "base", "object", "embed", "form", "svg", "math"}
        assert not [name for name in attributes if name.startswith("on") or name in {"href", "action", "id", "name"}]
        if tag == "iframe":
            assert attributes["sandbox"] in {"", "allow-scripts"}
            assert "src" not in attributes
        else:
            assert not {"style", "srcdoc", "srcset"} & attributes.keys()
            assert attributes.get("src", "data:image/").startswith("data:image/")


def data(kind: str, content: object) -> dict[str, object]:
    return safe_bundle({kind: content})[0]


def picture(kind: str, size: tuple[int, int] = (3, 2)) -> str:
    import PIL.Image

    file = io.BytesIO()
    PIL.Image.new("RGB", size).save(file, kind)
    return base64.encodebytes(file.getvalue()).decode()


def test_every_bundle_has_a_text():
    assert safe_bundle({}) == ({"text/plain": "<output>"}, {})
    assert safe_bundle({}, text="<Figure>")[0] == {"text/plain": "<Figure>"}
    assert data("image/png", picture("png"))["text/plain"] == "<image/png>"


def test_text_keeps_its_colours_and_loses_other_control_sequences():
    assert data("text/plain", "\x1b[31mred\x1b[0m\x1b]0;title\x07\x1b[2J") == {"text/plain": "\x1b[31mred\x1b[0m"}


def test_half_a_character_does_not_reach_the_notebook():
    bundle = safe_bundle({"text/plain": "\ud800", "text/html": "<p>\ud800", "application/json": {"\udc00": "\ud800"}})[
        0
    ]

    str(bundle).encode()


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp"])
def test_a_picture_stays_a_picture_of_its_kind(kind):
    bundle = data(f"image/{kind}", picture(kind))

    assert base64.b64decode(bundle[f"image/{kind}"]) == base64.b64decode(picture(kind))


@pytest.mark.parametrize(
    "content", [picture("jpeg"), base64.b64encode(b"GIF89a").decode(), "<svg onload=x>", "", 5, None]
)
def test_what_only_claims_to_be_a_picture_is_named(content):
    bundle = data("image/png", content)

    assert list(bundle) == ["text/plain"]
    assert "image/png" in bundle["text/plain"]


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp"])
def test_a_picture_of_more_pixels_than_a_page_can_bear_is_named(kind, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_PIXELS", 5)

    assert list(data(f"image/{kind}", picture(kind, (3, 2)))) == ["text/plain"]
    assert f"image/{kind}" in data(f"image/{kind}", picture(kind, (5, 1)))


def test_the_size_at_which_a_picture_is_shown_is_kept_and_nothing_else_that_is_said_of_it():
    metadata = {"image/png": {"width": 300, "height": -1, "unconfined": True}, "text/html": {"isolated": True}, "x": 1}

    assert safe_bundle({"image/png": picture("png")}, metadata)[1] == {"image/png": {"width": 300}}


def test_an_svg_is_shown_as_the_source_of_a_picture():
    bundle = data("image/svg+xml", SVG)

    assert_harmless(bundle["text/html"])
    assert Seen(bundle["text/html"]).tags == {"img"}
    assert "image/svg+xml" not in bundle


def test_entities_that_multiply_are_no_picture():
    assert list(data("image/svg+xml", f'<!DOCTYPE x [<!ENTITY a "aaaa">]>{SVG}')) == ["text/plain"]


def test_a_data_frame_looks_as_pandas_made_it():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"bill <mm>": [39.1, 40.2]}, index=["a", "b"])

    bundle = data("text/html", frame._repr_html_())

    assert_harmless(bundle["text/html"])
    assert {"table", "thead", "tbody", "tr", "th", "td"} < Seen(bundle["text/html"]).tags
    assert "39.1" in Seen(bundle["text/html"]).text
    assert 'class="dataframe"' in bundle["text/html"]
    assert static_html(bundle) == bundle["text/html"]


HOSTILE = [
    "<img src=x onerror=pwned()>",
    "<img src='http://elsewhere/x.png'>",
    "<p onclick=pwned()>x</p>",
    "<a href='javascript:pwned()'>x</a>",
    "<a href='data:text/html,<script>pwned()</script>'>x</a>",
    "<form action='http://elsewhere'><button>x</button></form>",
    "<meta http-equiv=refresh content='0;url=http://elsewhere'>",
    "<base href='http://elsewhere'>",
    "<table background='http://elsewhere/x'><tr><td style='background:url(http://elsewhere)'>x</table>",
    "<div style='position:fixed;top:0;left:0;width:100%;height:100%'>x</div>",
    "<div class='jp-Dialog' id='jupyter-config-data'>x</div>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=pwned()&gt;'>",
    "<svg><p><style><g title='</style><img src=x onerror=pwned()>'>",
    "<noscript><p title='</noscript><img src=x onerror=pwned()>'>",
    "<iframe srcdoc='<script>parent.pwned()</script>'></iframe>",
    "</iframe><script>pwned()</script>",
    "\"></iframe><img src=x onerror='pwned()'>",
    "&quot;&gt;&lt;/iframe&gt;&lt;script&gt;pwned()&lt;/script&gt;<style>x{}</style>",
    "<script>pwned()</script>",
    "<link rel=stylesheet href='http://elsewhere'>",
    "<object data='javascript:pwned()'></object><embed src='javascript:pwned()'>",
    "<div>" * 300_000,
    "<" * 100_000,
]


@pytest.mark.parametrize("document", HOSTILE)
def test_hostile_html_is_taken_apart_or_framed(document):
    bundle = data("text/html", document)

    assert_harmless(bundle["text/html"])
    assert_harmless(static_html({"text/html": document, "text/plain": "<script>pwned()</script>"}))
    assert "iframe" not in Seen(static_html(bundle)).tags


@given(st.lists(st.sampled_from([*HOSTILE[:-2], "<b>", "</b>", "'", '"', ">", "<!--", "-->", "&", "]]>"]), max_size=6))
@effort(200)
def test_hostile_html_in_any_company_is_harmless(parts):
    document = "".join(parts)

    assert_harmless(data("text/html", document)["text/html"])
    assert_harmless(static_html({"text/html": document}))


def frames(text: str) -> tuple[dict[str, str | None], Seen]:
    """Return the attributes of the frame, and what the document in the frame within it holds."""
    ((tag, outer),) = Seen(text).elements[:1]
    assert tag == "iframe"
    (inner,) = [attributes for name, attributes in Seen(outer["srcdoc"]).elements if name == "iframe"]
    assert inner["sandbox"] == outer["sandbox"]
    return outer, Seen(inner["srcdoc"])


def test_html_that_needs_its_scripts_has_them_in_a_frame_without_origin_and_network():
    document = "<div id='plot'></div><script>draw('plot', \"a & b\", 1 < 2)</script>"

    outer, document_seen = frames(data("text/html", document)["text/html"])

    assert outer["sandbox"] == "allow-scripts"
    assert "default-src 'none'" in outer["srcdoc"]
    policies = [
        attributes["content"] for tag, attributes in document_seen.elements if tag == "meta" and "content" in attributes
    ]
    assert policies[0].startswith("default-src 'none'")
    assert "draw('plot', \"a & b\", 1 < 2)" in document_seen.text


def test_html_that_needs_only_its_styles_has_them_in_a_frame_without_scripts():
    pd = pytest.importorskip("pandas")
    pytest.importorskip("jinja2")
    styled = pd.DataFrame({"a": [1, 2]}).style.highlight_max()._repr_html_()

    outer, document = frames(data("text/html", styled)["text/html"])

    assert outer["sandbox"] == ""
    assert {"style", "table", "td"} < document.tags
    assert_harmless(static_html({"text/html": styled}))
    assert "table" in Seen(static_html({"text/html": styled})).tags


def test_a_frame_says_what_it_holds_where_frames_are_taken_out():
    import nh3

    frame = sandboxed_frame("<p>x</p>", scripts=False, otherwise="<Figure & more>")

    assert Seen(frame).text == "<Figure & more>"
    assert nh3.clean(frame, clean_content_tags=set(), tags={"p"}) != ""


def test_scripts_from_elsewhere_are_named_because_the_frame_may_stay_empty():
    document = '<script src="https://cdn.plot.ly/plotly.min.js"></script>'

    assert "cdn.plot.ly" in Seen(data("text/html", document)["text/html"]).text


@pytest.mark.parametrize(
    ("document", "scripts", "height"),
    [
        ("<p>x", False, 120),
        ("<script>draw()</script>", True, 480),
        ("<div style='height:525px'><script>draw()</script>", True, 555),
        ("<style>p {height: 20px}</style>" + "<tr>" * 10, False, 320),
        ("<svg height=9999>", False, 900),
    ],
)
def test_a_frame_is_about_as_high_as_what_it_holds(document, scripts, height):
    assert f"height:{height}px" in sandboxed_frame(document, scripts=scripts)


def test_interactive_figures_come_both_as_data_and_as_a_frame():
    plotly = {"data": [{"y": [1.0, float("nan"), float("inf")]}], "layout": {"title": "x"}}
    bundle = safe_bundle({"application/vnd.plotly.v1+json": plotly, "text/html": "<script>draw()</script>"})[0]

    assert bundle["application/vnd.plotly.v1+json"]["data"] == [{"y": [1.0, None, None]}]
    assert bundle["text/html"].startswith("<iframe")


VEGA = "application/vnd.vegalite.v5+json"


def test_a_vega_figure_that_holds_its_data_is_passed_on_without_settings_for_the_program_that_draws_it():
    figure = {"data": {"values": [{"a": 1, "url": "only a value"}]}, "mark": "bar", "usermeta": {"embedOptions": {}}}

    assert data(VEGA, figure)[VEGA] == {"data": {"values": [{"a": 1, "url": "only a value"}]}, "mark": "bar"}


@pytest.mark.parametrize(
    "figure",
    [
        {"data": {"url": "/api/contents"}},
        {"layer": [{"encoding": {"url": {"field": "secret"}}}]},
        {"data": [{"name": "x", "url": {"signal": "'http://elsewhere/' + data('y')"}}]},
        {"encoding": {"href": {"value": "javascript:pwned()"}}},
        "not a figure",
    ],
)
def test_a_vega_figure_that_would_load_as_the_user_is_not_passed_on(figure):
    assert list(data(VEGA, figure)) == ["text/plain"]


def test_names_on_a_map_are_text():
    features = {"type": "Feature", "properties": {"<b>": "<img src=x onerror=pwned()>"}}

    shown = data("application/geo+json", features)["application/geo+json"]

    assert shown["properties"] == {"&lt;b&gt;": "&lt;img src=x onerror=pwned()&gt;"}


def deep(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("value", [deep(10_000), [0] * 300_000, ["x" * (MAX_CONTENT + 1)]])
def test_json_too_deep_or_too_large_is_named(value):
    assert list(data("application/json", value)) == ["text/plain"]


def test_json_numbers_that_no_front_end_can_read_are_left_out():
    assert data("application/json", [10**5000, 1, True, None, 1.5])["application/json"] == [None, 1, True, None, 1.5]


MARKDOWN = [
    "# Title\n\n**bold** `a < b` <img src=x onerror=pwned()>",
    "[x](javascript:pwned())",
    "[x][y]\n\n[y]: javascript:pwned()",
    "![x](http://elsewhere/x.png)",
    "<javascript:pwned()>",
    "<script>pwned()</script>",
    "a\n<!-- --><svg onload=pwned()>",
    "$\\href{javascript:pwned()}{x}$",
    "[x]: <javascript:pwned()>\n[x]",
    "[^1]\n\n[^1]: <b onclick=pwned()>",
]


@pytest.mark.parametrize("text", MARKDOWN)
def test_markdown_holds_no_html_no_links_and_no_pictures(text):
    mistune = pytest.importorskip("mistune")

    shown = data("text/markdown", text)["text/markdown"]
    page = mistune.create_markdown(escape=False, plugins=["table", "footnotes", "url"])(shown)

    assert not {"script", "svg", "img"} & Seen(page).tags
    assert not [name for _, attributes in Seen(page).elements for name in attributes if name.startswith("on")]
    assert not [a for _, a in Seen(page).elements if (a.get("href") or "#").lower().startswith(("javascript", "data"))]
    assert "\\href" not in shown


def test_markdown_without_any_of_that_is_as_it_was():
    text = "# Title\n\n- **bold**, `a < b`\n\n| a | b |\n|---|---|\n| 1 | $x < y$ |\n"

    assert data("text/markdown", text)["text/markdown"] == text


def test_a_formula_stays_a_formula_and_reaches_nothing_else():
    assert data("text/latex", "$\\frac{a}{b}<c$")["text/latex"] == "$\\frac{a}{b}< c$"
    assert list(data("text/latex", "$\\href{javascript:pwned()}{x}$")) == ["text/plain"]


@pytest.mark.parametrize(
    "kind",
    [
        "application/javascript",
        "application/vnd.jupyter.widget-view+json",
        "text/x-unknown",
        "application/pdf",
        "a" * 500,
    ],
)
def test_what_would_act_or_is_unknown_is_only_named(kind):
    bundle = data(kind, "pwned()")

    assert list(bundle) == ["text/plain"]
    assert "pwned" not in bundle["text/plain"]
    assert len(bundle["text/plain"]) < 200


def test_too_much_of_anything_is_named():
    assert list(data("text/html", "x" * (MAX_CONTENT + 1))) == ["text/plain"]
    assert len(data("text/plain", "x" * 10**7)["text/plain"]) < 1 << 16


def test_a_static_record_has_the_picture_else_the_table_else_the_text():
    table = "<table><tr><td>1</td></tr></table>"
    assert static_html({"image/png": picture("png"), "text/html": table}).startswith('<img src="data:image/png;base64,')
    assert static_html({"image/svg+xml": SVG}).startswith('<img src="data:image/svg+xml;base64,')
    assert "<td>1</td>" in static_html({"text/html": table, "text/plain": "1"})
    assert static_html({"text/html": "<script>x</script>", "text/plain": "\x1b[31m<a>"}) == "<pre>&lt;a&gt;</pre>"


KINDS = (
    "text/html text/plain text/markdown text/latex image/png image/svg+xml application/json application/geo+json x/y"
)
CONTENT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda part: st.lists(part) | st.dictionaries(st.text(), part),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*KINDS.split(), VEGA, "application/vnd.plotly.v1+json"]), CONTENT))
@effort(150)
def test_any_bundle_can_be_published(bundle):
    shown, about = safe_bundle(bundle, {"image/png": bundle})

    json.dumps([shown, about], allow_nan=False, ensure_ascii=False).encode()
    assert shown["text/plain"]
    static_html(bundle).encode()
    static_html(shown).encode()


@pytest.mark.parametrize(
    "tex",
    [
        r"\href{javascript:x}{y}",
        r"\mmlToken{mi}[href='javascript:x']{y}",
        r"\bbox[background:url(x)]{y}",
        r"\fcolorbox{red;background:url(x)}{white}{y}",
        r"\hr<wbr>ef{javascript:x}{y}",
        r"\hr<!-- -->ef{javascript:x}{y}",
        r"&#92;href{javascript:x}{y}",
        r"&bsol;href{javascript:x}{y}",
        r"\h&#114;ef{javascript:x}{y}",
    ],
)
def test_tex_that_reaches_beyond_its_formula_is_taken_apart_in_html_and_markdown(tex):
    reaching = re.compile(r"\\(href|mmlToken|bbox|fcolorbox)")

    for kind in ("text/html", "text/markdown"):
        shown = safe_bundle({kind: f"<p>${tex}$</p>", "text/plain": "y"})[0][kind]
        assert "y" in shown
        assert not reaching.search(html.unescape(shown).replace("<wbr>", ""))
    assert "text/latex" not in safe_bundle({"text/latex": html.unescape(tex)})[0] or "<" in tex


def test_harmless_tex_stays_as_it_is():
    formula = r"$\frac{a}{b} + \colorbox{yellow}{c}$"

    assert safe_bundle({"text/latex": formula})[0]["text/latex"] == formula
    assert safe_bundle({"text/html": f"<p>{formula}</p>"})[0]["text/html"] == f"<p>{formula}</p>"
