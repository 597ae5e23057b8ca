"""Files for a browser to keep: sent piece by piece, and never run or shown as a page of this server."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import quote

from tornado.iostream import StreamClosedError

from pollinator_magic.labserver.handlers import Handler

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)


class Attachment(Handler):
    """Base of the handlers that reply with a file."""

    def attach(self, name: str, kind: str) -> None:
        """Say that what follows is a file of this name, to be kept."""
        shown = name.rpartition("/")[2]
        encoded = quote(shown, safe="")
        plain = "".join(
            letter if letter.isascii() and (letter.isalnum() or letter in "._- ") else "_" for letter in shown
        )
        self.set_header("Content-Type", kind)
        self.set_header("Content-Disposition", f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
        self.set_header("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")

    async def send(self, take: Callable[[], bytes | None]) -> None:
        """Send what `take` gives, called in the desk's threads, until it gives None; no faster than it is received.

        What goes wrong on the way breaks the connection off: a reply that ends early must not look like a whole one.
        """
        try:
            while (piece := await self.ask(take)) is not None:
                self.write(piece)
                await self.flush()
        except StreamClosedError:  # whoever asked has gone
            return
        except Exception as error:
            if not self._headers_written:
                raise
            _log.info("%s was broken off: %s", self.request.path, error)
            self.detach().close()
            return
        self.finish(set_content_type=self._headers["Content-Type"])
