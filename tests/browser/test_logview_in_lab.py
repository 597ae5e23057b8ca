"""The log and the rich outputs of a job in JupyterLab: they are seen, and whatever is in them does nothing."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pollinator_magic.notebook.outputs import sandboxed_frame

pytestmark = pytest.mark.browser

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
RUN = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
NODES = "() => document.getElementsByTagName('*').length"
BEGIN = """
import time
from pathlib import Path
from pollinator_magic.jobs.events import Displayed
from pollinator_magic.notebook.logview import LogView
view = LogView(lines=LINES, file=Path('cfs/log/3fc0.log').absolute())
"""


class Elsewhere(ThreadingHTTPServer):
    """A server that outputs ask for things from; nothing may ever arrive there but what a test itself asks for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.arrived: list[str] = []
        self.page = ""
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/page":
            self.server.arrived.append(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()
        self.wfile.write(self.server.page.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def elsewhere():
    with Elsewhere() as server:
        thread = threading.Thread(target=server.serve_forever, name="elsewhere")
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_log_has_its_colours_its_bar_and_its_end_and_the_page_stays_small(new_notebook):
    page = new_notebook(
        BEGIN.replace("LINES", "200"),
        "for n in range(300):\n"
        "    view.write(f'\\r\\x1b[32m{n / 3:5.1f} %\\x1b[0m |{\"#\" * (n // 10):30}|')\n    time.sleep(0.003)\n"
        "view.write('\\r\\x1b[Kall of it\\n\\x1b[31mred in the log\\x1b[0m\\n')\n"
        "for n in range(100_000):\n    view.write(f'\\x1b[34mline {n}\\x1b[0m <b>of</b> the log\\n')\n"
        "view.finish()\nprint('the end')",
    )
    before = page.evaluate(NODES)

    page.evaluate(RUN)
    page.get_by_text("the end", exact=True).last.wait_for()
    cell = page.locator(".jp-CodeCell").nth(1)
    outputs = cell.locator(".jp-OutputArea-output")

    first, end = outputs.nth(0), outputs.nth(1)
    assert [line.rstrip() for line in first.inner_text().splitlines()[:3]] == [
        "all of it",
        "red in the log",
        "line 0 <b>of</b> the log",
    ]
    assert first.locator(".ansi-red-fg", has_text="red in the log").count() == 1
    assert "%" not in first.inner_text()
    assert "… 100,002 lines (" in end.inner_text()
    assert "the whole log is in cfs/log/3fc0.log" in end.inner_text()
    assert "line 99999 <b>of</b> the log" in end.inner_text()
    assert end.locator(".ansi-blue-fg").count() == 40
    assert page.evaluate(NODES) - before < 1500, "a hundred thousand lines"
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    end.scroll_into_view_if_needed()
    page.screenshot(path=SCREENSHOTS / "log-end.png")


HOSTILE = """
evil = "<img src='URL/img' onerror='top.pwned=1;window.pwned=1'><script>window.pwned=1;fetch('URL/fetch')</script>"
svg = "<svg xmlns='http://www.w3.org/2000/svg' width='40' height='20' onload='top.pwned=1'>" \\
      "<script>top.pwned=1</script><image href='URL/image'/><rect width='40' height='20' fill='green'/></svg>"
def rich(kind, content):
    view.display(Displayed({kind: content}, 'an output', 0))
view.write(evil + '\\n')
rich('text/html', "<p>A paragraph.</p><img src='URL/img'><a href='javascript:window.pwned=1'>a link</a>")
rich('text/html', '<p>With a handler.</p>' + evil.split('<script>')[0])
rich('text/html', '<p id=seen>A frame.</p>' + evil +
     "<script>document.getElementById('seen').textContent='Scripts ran.';"
     "try {parent.pwned=1} catch {}; try {top.location='URL/top'} catch {}; location='URL/location'</script>")
rich('text/html', '<style>p {color: red}</style><p>Only styles.</p>'
     '<meta http-equiv=refresh content="0;url=URL/refresh">')
rich('image/svg+xml', svg)
rich('text/markdown', '# A heading\\n' + evil +
     '\\n[a link](javascript:window.pwned=1)\\n\\n![x](URL/markdown)\\n\\n`x < y`')
rich('text/latex', '$x<img/src=1 onerror=window.pwned=1>$')
rich('application/javascript', 'window.pwned=1')
rich('application/json', {'<b>': evil})
view.write('more text\\n' * 300 + evil + '\\n')
view.finish()
print('the end')
"""


@pytest.mark.parametrize("notebook_7", [False, True], ids=["lab", "notebook-7"])
def test_markup_and_scripts_in_a_log_and_in_outputs_do_nothing(new_notebook, elsewhere, notebook_7):
    page = new_notebook(
        BEGIN.replace("LINES", "100"), HOSTILE.replace("URL", elsewhere.url), "print('more')", notebook_7=notebook_7
    )

    page.evaluate(RUN)
    page.get_by_text("more", exact=True).last.wait_for()
    cell = page.locator(".jp-CodeCell").nth(1).locator(".jp-Cell-outputArea")

    assert cell.get_by_text("A paragraph.").is_visible()
    cell.get_by_role("heading", name="A heading").wait_for()
    styled = page.frame_locator(".jp-CodeCell iframe").nth(2).frame_locator("iframe")
    styled.get_by_text("Only styles.").wait_for()
    assert styled.get_by_text("Only styles.").evaluate("element => getComputedStyle(element).color") == "rgb(255, 0, 0)"
    picture = cell.locator("img[src^='data:image/svg+xml']")
    assert picture.evaluate("image => image.naturalWidth") == 40
    assert cell.get_by_text("… 302 lines").is_visible()
    # JupyterLab makes links of the addresses that a log names: those lead where they say.
    cell.locator("a:not([href^=http])").evaluate_all("links => links.forEach(link => link.click())")
    assert page.evaluate("() => window.pwned") is None
    assert elsewhere.arrived == []
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    cell.scroll_into_view_if_needed()
    cell.locator(".jp-OutputArea-child").first.scroll_into_view_if_needed()
    page.screenshot(path=SCREENSHOTS / f"hostile-outputs-{'notebook-7' if notebook_7 else 'lab'}.png")


TEX = r"""
from types import SimpleNamespace
from IPython.display import display
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.jobs.outcomes import Outcome, Row
from pollinator_magic.notebook.display import html_table
from pollinator_magic.notebook.face import Face
from pollinator_magic.notebook.groupface import values_html
link = r'\mmlToken{mi}[href="javascript:window.pwned=1"]{x}'
styles = [
    r'\mmlToken{mtext}[style="position:fixed;background:url(URL/token)"]{x}',
    r'\bbox[background:url(URL/bbox)]{x}',
    r'\fcolorbox{red;background:url(URL/fcolorbox)}{white}{x}',
]
evil = ' '.join(f'${one}$' for one in [link, r'\href{javascript:window.pwned=1}{x}', *styles])
split = evil.replace('mmlT', 'mml<wbr>T').replace('bbox', 'bb<wbr>ox').replace('href{', 'hr<wbr>ef{')
def rich(kind, content):
    view.display(Displayed({kind: content}, 'an output', 0))
rich('text/markdown', evil)
for one in evil.split('$')[1::2]:
    rich('text/latex', f'${one}$')
rich('text/html', f'<p>{evil}</p>')
rich('text/html', f'<p>{split}</p>')
view.finish()
job = SimpleNamespace(process=SimpleNamespace(status=ProcessState.FAILED))
for content in [
    Face(notes=(evil,)).html(),
    values_html([Row({'a': evil}, job, Outcome(problem=evil))]),
    html_table(['name'], [[evil]]),
]:
    display({'text/html': content, 'text/plain': ''}, raw=True)
rich('text/markdown', 'A formula: $a + b$')
print('the end')
"""


def test_tex_from_a_job_makes_no_links_and_no_styles(new_notebook, elsewhere):
    page = new_notebook(BEGIN.replace("LINES", "100"), TEX.replace("URL", elsewhere.url), "print('more')")

    page.evaluate(RUN)
    page.get_by_text("more", exact=True).last.wait_for()
    cell = page.locator(".jp-CodeCell").nth(1).locator(".jp-Cell-outputArea")
    cell.locator(".jp-OutputArea-output", has_text="A formula:").locator("mjx-container").wait_for()

    ours = cell.locator(".mathjax_ignore")
    assert ours.count() == 3
    assert ours.locator("mjx-container").count() == 0, "what jobs and servers say is no TeX"
    assert cell.locator("a[href^='javascript:'], mjx-container [style*='url']").count() == 0
    assert elsewhere.arrived == []


def test_scripts_run_in_their_frame(page, elsewhere):
    frame = sandboxed_frame(
        "<p id=seen>before</p><script>document.getElementById('seen').textContent=eval('1+1')</script>", scripts=True
    )
    elsewhere.page = f"<!DOCTYPE html><body>{frame}"

    page.goto(f"{elsewhere.url}/page")

    page.frame_locator("iframe").frame_locator("iframe").get_by_text("2", exact=True).wait_for()


REACHING = {
    "fetch": "<script>fetch('URL/x')</script>",
    "picture": "<img src='URL/x'>",
    "address": "<script>location = 'URL/x'</script>",
    "refresh": "<meta http-equiv=refresh content='0;url=URL/x'>",
    "parent": "<script>parent.location = 'URL/x'</script>",
    "top": "<script>top.location = 'URL/x'</script>",
    "property": "<script>top.pwned = 1</script>",
    "window": "<script>window.open('URL/x')</script>",
    "form": "<form action='URL/x' id=f></form><script>f.submit()</script>",
    "link": "<a id=a href='URL/x'>x</a><script>a.click()</script>",
    "nested": "<iframe srcdoc=\"<script>location = 'URL/x'</script>\"></iframe><iframe src='URL/x'></iframe>",
    "style": "<style>@import 'URL/x'; body {background: url(URL/x)}</style><link rel=stylesheet href='URL/x'>",
    "sockets": "<script>navigator.sendBeacon('URL/x'); new EventSource('URL/x')</script>",
    "script": "<script src='URL/x'></script><script>import('URL/x')</script>",
    "worker": "<script>new Worker(URL.createObjectURL(new Blob([\"fetch('ADDRESS/x')\"])))</script>",
    "ahead": "<link rel=prefetch href='URL/x'><link rel=preload as=image href='URL/x'><link rel=icon href='URL/x'>",
}


def test_what_is_in_a_frame_reaches_neither_the_page_nor_the_network(page, elsewhere):
    for scripts in (True, False):
        frames = "".join(
            sandboxed_frame(
                document.replace("URL/", f"{elsewhere.url}/{name}/").replace("ADDRESS", elsewhere.url), scripts=scripts
            )
            for name, document in REACHING.items()
        )
        # The last one says when the others have had their time.
        elsewhere.page = f"<!DOCTYPE html><body>{frames}{sandboxed_frame('<p>All are here.</p>', scripts=scripts)}"

        page.goto(f"{elsewhere.url}/page")
        page.frame_locator("iframe >> nth=-1").frame_locator("iframe").get_by_text("All are here.").wait_for()
        for _ in range(20):  # what was asked for before would arrive before
            page.evaluate("url => fetch(url)", f"{elsewhere.url}/page")

        assert [path for path in elsewhere.arrived if path != "/favicon.ico"] == []
        assert page.evaluate("() => window.pwned") is None
        assert page.url == f"{elsewhere.url}/page"
