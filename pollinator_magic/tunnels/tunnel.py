"""The tunnel of one job, from before it runs to its end, in a thread of its own with an event loop of its own.

Neither the kernel's loop nor whoever reads the log ever waits for it; what goes wrong with it is news, not an error.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import random
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import PollinatorError, TunnelError
from pollinator_magic.tunnels.daemons import Daemons
from pollinator_magic.tunnels.news import TunnelNews, local_link
from pollinator_magic.tunnels.way import NODES, nodes_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from pollinator_magic.colonies.models import Process
    from pollinator_magic.tunnels.forward import Forward
    from pollinator_magic.tunnels.login import Connection
    from pollinator_magic.tunnels.way import Route, Way

_log = logging.getLogger(__name__)

CLOSE_TIMEOUT_S = 3.0
_NODES_EXPECTED_S = 20.0
"""An executor that has not named the nodes by then probably never will."""
_STEADY_S = 60.0
"""A connection that has lasted for so long is a good one: when it is lost, the next try is made at once again."""


@dataclass(frozen=True)
class Pace:
    """Growing pauses, a little irregular, so that many who lost the same server do not come back at once."""

    first_s: float
    longest_s: float

    async def pause(self, number: int) -> None:
        """Pause before the next try, after `number` others."""
        await asyncio.sleep(min(self.first_s * 1.6**number, self.longest_s) * random.uniform(0.8, 1.2))


LOOK = Pace(0.5, 10.0)
PROBE = Pace(0.25, 5.0)
RETRY = Pace(0.5, 30.0)


class Tunnel:
    """One tunnel; `look` asks the colony for the process, `tell` is told news, in the tunnel's thread."""

    def __init__(self, way: Way, look: Callable[[], Process], tell: Callable[[TunnelNews], None]) -> None:
        self._way, self._look, self._tell = way, look, tell
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(Daemons())
        self._process: Process | None = None
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._guard = threading.Lock()
        self._told: TunnelNews | None = None
        self._forward: Forward | None = None
        self._thread = threading.Thread(target=self._run, name="pollinator-tunnel", daemon=True)

    def start(self) -> None:
        """Begin to wait for the job to run."""
        atexit.register(self.close)
        self._thread.start()

    def process_is(self, process: Process) -> None:
        """Hear that the process has changed; may be called in any thread."""
        self._call(self._set, process)

    def close(self) -> None:
        """End it: the port is given back, and all connections are closed."""
        atexit.unregister(self.close)
        self._call(self._end)
        if self._thread.ident is not None:
            self._thread.join(CLOSE_TIMEOUT_S)

    def _call(self, function: Callable[..., None], *args: Any) -> None:
        with self._guard:  # or the loop could be closed in between
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(function, *args)

    # --- in the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._task = self._loop.create_task(self._live())
            with suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._task)
            self._loop.run_until_complete(self._leave_nothing())
        finally:
            with self._guard:
                self._loop.close()

    async def _leave_nothing(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._loop.shutdown_asyncgens()

    def _set(self, process: Process) -> None:
        self._process = process
        self._changed.set()

    def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _live(self) -> None:
        from pollinator_magic.tunnels.forward import Forward

        self._forward = Forward()
        try:
            while (process := await self._until_it_runs()) is not None:
                await self._during(process)
        except TunnelError as error:
            self._news(TunnelNews(str(error), given_up=True))
        except Exception as error:  # noqa: BLE001  nobody else could say it
            _log.exception("the tunnel has failed")
            self._news(TunnelNews(f"It has failed: {type(error).__name__}: {error}", given_up=True))
        finally:
            await self._forward.close()

    async def _until_it_runs(self) -> Process | None:
        """Wait for the job to run; return its process, None if it is over."""
        while True:
            process = self._process
            if process is not None and process.status.closed:
                return None
            if process is not None and process.status is ProcessState.RUNNING:
                return process
            self._changed.clear()
            await self._changed.wait()

    async def _during(self, process: Process) -> None:
        """Hold the tunnel until the process has ended, or is begun anew elsewhere."""
        holding = asyncio.ensure_future(self._hold(process))
        ending = asyncio.ensure_future(self._until_another(process))
        try:
            await asyncio.wait({holding, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (holding, ending):
                task.cancel()
            outcomes = await asyncio.gather(holding, ending, return_exceptions=True)
            if self._forward is not None:
                self._forward.lead_nowhere()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _until_another(self, process: Process) -> None:
        """Wait until it is no more this attempt that runs."""
        while (now := self._process) is None or (now.status, now.retries) == (process.status, process.retries):
            self._changed.clear()
            await self._changed.wait()

    async def _hold(self, process: Process) -> None:
        """Connect, and connect again whenever the connection is lost."""
        from pollinator_magic.tunnels.login import connected

        if self._way.keys is None:
            await self._point_at(self._way.section.remote_port)
            return
        loop, failures = asyncio.get_running_loop(), 0
        route = await self._route(process)
        while True:
            if failures == 0:
                self._news(TunnelNews(f"connecting to {route.login.host}"))
            try:
                async with connected(route.login, self._way.keys) as connection:
                    began_s = loop.time()
                    await self._as_long_as_it_lasts(connection, route)
                    failures = 0 if loop.time() - began_s > _STEADY_S else failures
                    lost = f"the connection to {route.login.host} was lost"
            except TunnelError as error:
                if not error.passing:
                    raise
                lost = str(error).rstrip(".")
            if self._forward is not None:
                self._forward.lead_nowhere()
            self._news(TunnelNews(f"{lost}; connecting again"))
            await RETRY.pause(failures)
            failures += 1

    async def _point_at(self, port: int) -> None:
        """Wait until a port of this machine answers, and say where it is."""
        number = 0
        while not await _answers_here(port):
            self._news(TunnelNews(f"waiting for port {port} of this machine, where the job runs"))
            await PROBE.pause(number)
            number += 1
        self._news(TunnelNews("is the job's own port, as it runs on this machine", local_link(port)))
        await asyncio.Event().wait()

    async def _route(self, process: Process) -> Route:
        """Find out where the job runs, from its executor if need be."""
        loop, began_s, number = asyncio.get_running_loop(), asyncio.get_running_loop().time(), 0
        while True:
            values = [attribute.value for attribute in process.attributes if attribute.key == NODES]
            route = self._way.route(nodes_in(values[-1]) if values else [])
            if route is not None:
                return route
            if loop.time() - began_s > _NODES_EXPECTED_S:
                self._news(
                    TunnelNews(
                        "the executor has not said on which node the job runs; `host` in the section `tunnel` names it"
                    )
                )
            else:
                self._news(TunnelNews("waiting to hear on which node the job runs"))
            await LOOK.pause(number)
            number += 1
            with suppress(PollinatorError):  # the colony does not answer now, and is asked again
                process = await loop.run_in_executor(None, self._look)

    async def _as_long_as_it_lasts(self, connection: Connection, route: Route) -> None:
        leading = asyncio.ensure_future(self._lead(connection, route))
        lasting = asyncio.ensure_future(connection.end())
        try:
            await asyncio.wait({leading, lasting}, return_when=asyncio.FIRST_COMPLETED)
            if leading.done():
                leading.result()
                await lasting
        finally:
            for task in (leading, lasting):
                task.cancel()
            await asyncio.gather(leading, lasting, return_exceptions=True)

    async def _lead(self, connection: Connection, route: Route) -> None:
        """Wait until the port answers, and let the local one lead to it."""
        number, forward = 0, self._forward
        if forward is None:
            return
        while not await self._answers(connection, route):
            self._news(TunnelNews(f"waiting for port {route.port} of node {route.node}"))
            await PROBE.pause(number)
            number += 1
        wanted = self._way.local_port
        port = forward.port or await forward.listen(wanted)
        forward.lead(connection, route.host, route.port)
        another = f" (port {wanted} was taken)" if port != wanted else ""
        self._news(TunnelNews(f"leads to port {route.port} of {route.node}{another}", local_link(port)))

    @staticmethod
    async def _answers(connection: Connection, route: Route) -> bool:
        """Whether something answers there; raise TunnelError if it never can."""
        try:
            _, writer = await connection.open(route.host, route.port)
        except TunnelError as error:
            if not error.passing:
                raise
            return False
        writer.close()
        return True

    def _news(self, news: TunnelNews) -> None:
        """Tell what is new, and nothing twice."""
        if news != self._told:
            self._told = news
            try:
                self._tell(news)
            except Exception:  # noqa: BLE001  the tunnel is no worse for it
                _log.exception("what is new of the tunnel could not be shown")


async def _answers_here(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
