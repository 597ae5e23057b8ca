"""A job that serves a page, for the tests of tunnels, and whoever reads the page."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING

from tests.ssh_server import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path

_SERVE = """\
import http.server, os, threading, time
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b'from the job')
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', {port}), Page)
threading.Thread(target=server.serve_forever, daemon=True).start()
print('begun', flush=True)
while not os.path.exists({go!r}): time.sleep(0.05)
print('ended')
"""


def page_server(port: int, go: Path) -> str:
    """A program that serves a page, which says `from the job`, until there is the file `go`."""
    return _SERVE.format(port=port, go=str(go))


def read(link: str) -> bytes:
    """Read a page."""
    with urllib.request.urlopen(link, timeout=WAIT_S) as page:
        return page.read()
