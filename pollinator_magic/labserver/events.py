"""The messages to pages: one websocket for each."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from pollinator_magic.labserver.desk import desk_of
from pollinator_magic.labserver.handlers import RESOURCE

if TYPE_CHECKING:
    from collections.abc import Callable

_TRY_AGAIN_LATER = 1013
MOST_UNSENT = 1 << 20
"""Bytes that may wait for a page that does not read them; with more it is disconnected, and comes back if it lives."""


class EventsHandler(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """Tells a page what the watcher has to tell. What a page says is ignored."""

    auth_resource = RESOURCE

    def initialize(self) -> None:
        """Begin with nothing to send."""
        self._unsent: deque[str] = deque()
        self._size = 0
        self._sender: asyncio.Task[None] | None = None
        self._leave: Callable[[], None] | None = None
        self._closed = False

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Open the websocket for those who may read."""
        allowed = self.authorizer.is_authorized(self, self.current_user, "read", RESOURCE)
        if not await ensure_async(allowed):
            raise HTTPError(403)
        await super().get(*args, **kwargs)

    async def open(self, *args: Any, **kwargs: Any) -> None:
        """Begin to listen. The watcher is made in a thread, because that imports the library."""
        super().open(*args, **kwargs)
        desk, loop = desk_of(self.settings), asyncio.get_running_loop()
        watcher = await desk.threads.ask(desk.watcher)
        if not self._closed:
            self._leave = watcher.listen(lambda message: _from_thread(loop, self._take, message))

    def on_message(self, message: str | bytes) -> None:
        """Ignore what a page says: it asks by its requests."""

    def on_close(self) -> None:
        """Listen no more."""
        self._end()
        super().on_close()

    def _end(self) -> None:
        self._closed = True
        self._unsent.clear()
        if self._leave is not None:
            self._leave()

    def _take(self, message: str) -> None:
        """Send a message when those before it are sent."""
        if self._closed:
            return
        self._unsent.append(message)
        self._size += len(message)
        if self._size > MOST_UNSENT:
            self._end()
            self.close(_TRY_AGAIN_LATER, "The page does not read its messages.")
        elif self._sender is None or self._sender.done():
            self._sender = asyncio.ensure_future(self._send())

    async def _send(self) -> None:
        while self._unsent:
            message = self._unsent.popleft()
            try:
                await self.write_message(message)
            except WebSocketClosedError:
                return
            self._size -= len(message)


def _from_thread(loop: asyncio.AbstractEventLoop, take: Callable[[str], None], message: str) -> None:
    with suppress(RuntimeError):  # the server ends, and its loop is closed
        loop.call_soon_threadsafe(take, message)
