"""Makes an executor known to its colony, and known again when the server has dropped it."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import UNSET

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import Executor, ExecutorState, Function
from pollinator_magic.errors import (
    AccessDenied,
    ConfigurationError,
    NotFound,
    PollinatorError,
    ServerError,
    ServerUnreachable,
    Unsupported,
)
from pollinator_magic.executors.engine import Accounting
from pollinator_magic.executors.specs import EXECUTE

if TYPE_CHECKING:
    from pollinator_magic.colonies.keys import PrivateKey
    from pollinator_magic.colonies.models import Capabilities
    from pollinator_magic.executors.engine import Engine
    from pollinator_magic.settings import Connection

_TELL_S = 3600.0


class Registration:
    """The registration of the client's key as the executor `name`, which offers what its engine has.

    With the owner's key it makes itself; without, somebody else must have made it.
    """

    def __init__(
        self,
        client: Colonies,
        connection: Connection,
        owner_key: PrivateKey | None,
        engine: Engine,
        *,
        name: str,
        executor_type: str,
        location: str = "",
    ) -> None:
        self._client = client
        self._connection = connection
        self._owner_key = owner_key
        self._engine = engine
        self._name = name
        self._type = executor_type
        self._location = location
        self._tell_at = 0.0

    def register(self) -> bool:
        """Register, or make sure that it is; announce what it offers. Return whether what it was running stays its own.

        Registering the same name again puts that back into the queue, which is not done to jobs that their engine
        keeps. Raises ConfigurationError if it is impossible: without the owner's key, or because another key has the
        name on a server that keeps names.
        """
        capabilities = self._engine.describe()
        added, refusal = False, None
        if self._owner_key is not None and not (self._engine.durable and self._is_registered()):
            refusal = self._add(self._owner_key, capabilities)
            added = refusal is None
        if not added:
            _require_same(self._client, self._name, refusal)
            self._announce(capabilities)
        self._tell_at = time.monotonic() + _TELL_S
        if not any(function.funcname == EXECUTE for function in self._client.functions(self._name)):
            self._client.add_function(Function(executorname=self._name, funcname=EXECUTE))
        self._report_allocations()
        return not added

    def renew(self) -> bool:
        """Register again after the server has refused this key; return whether that could be done at all."""
        if self._owner_key is None:
            return False
        self.register()
        return True

    def keep_up_to_date(self) -> None:
        """Once an hour, announce anew what may have changed meanwhile. Where that fails, it stays as it was."""
        if time.monotonic() < self._tell_at:
            return
        self._tell_at = time.monotonic() + _TELL_S
        with suppress(PollinatorError, OSError):
            self._announce(self._engine.describe())
        self._report_allocations()

    def _is_registered(self) -> bool:
        try:
            present = self._client.executor(self._name)
        except (AccessDenied, NotFound):
            return False
        return _is_approved(present, self._client) and present.executortype == self._type

    def _add(self, owner_key: PrivateKey, capabilities: Capabilities) -> ServerError | None:
        """Add and approve it; return why an older server has refused to, which knows the name already."""
        executor = Executor(
            executorid=self._client.identity,
            executortype=self._type,
            executorname=self._name,
            colonyname=self._client.colony,
            locationname=self._location or UNSET,
            capabilities=capabilities,
        )
        refusal = None
        with Colonies(self._connection.server, self._connection.colony, owner_key) as owner:
            try:
                owner.add_executor(executor)
            except (ServerUnreachable, AccessDenied):
                raise
            except ServerError as error:
                refusal = error
            owner.approve_executor(self._name)
        return refusal

    def _announce(self, capabilities: Capabilities) -> None:
        with suppress(Unsupported):  # a server that old keeps those of the first registration
            self._client.update_capabilities(self._name, capabilities)

    def _report_allocations(self) -> None:
        """Report them if the engine knows any. Where that fails jobs run all the same, and it is tried again."""
        if isinstance(self._engine, Accounting):
            with suppress(PollinatorError, OSError):
                self._client.report_allocations(self._name, self._engine.allocations())


def _require_same(client: Colonies, name: str, refusal: ServerError | None) -> None:
    """Raise ConfigurationError unless the executor exists, with this key, and may work."""
    try:
        present = client.executor(name)
    except (AccessDenied, NotFound) as error:
        raise ConfigurationError(
            f"The executor {name!r} cannot be registered: {refusal}"
            if refusal
            else f"There is no approved executor {name!r} with this key in colony {client.colony!r}. Register it, or "
            "give the colony owner's key (COLONIES_COLONY_PRVKEY) so that it registers itself."
        ) from error
    if not _is_approved(present, client):
        raise ConfigurationError(
            f"The executor {name!r} of colony {client.colony!r} is registered with another key, or not approved. "
            "Remove it first, or use another name."
        )


def _is_approved(present: Executor, client: Colonies) -> bool:
    return present.executorid == client.identity and present.status is ExecutorState.APPROVED
