"""Makes an executor known to its colony, and known again when the server has dropped it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import Executor, ExecutorState, Function
from pollinator_magic.errors import (
    AccessDenied,
    ConfigurationError,
    NotFound,
    ServerError,
    ServerUnreachable,
    Unsupported,
)
from pollinator_magic.executors.specs import EXECUTE

if TYPE_CHECKING:
    from pollinator_magic.colonies.keys import PrivateKey
    from pollinator_magic.colonies.models import Capabilities
    from pollinator_magic.settings import Connection


def register(
    client: Colonies,
    connection: Connection,
    owner_key: PrivateKey | None,
    *,
    name: str,
    executor_type: str,
    capabilities: Capabilities,
) -> None:
    """Register the client's key as the executor `name`, or make sure that it is; announce what it offers.

    Registering the same name again puts what it was running back into the queue. Raises ConfigurationError if that
    is impossible: without the owner's key, or because another key has the name on a server that keeps names.
    """
    announced, refusal = False, None
    if owner_key is not None:
        executor = Executor(
            executorid=client.identity,
            executortype=executor_type,
            executorname=name,
            colonyname=client.colony,
            capabilities=capabilities,
        )
        with Colonies(connection.server, connection.colony, owner_key) as owner:
            try:
                owner.add_executor(executor)
                announced = True
            except (ServerUnreachable, AccessDenied):
                raise
            except ServerError as error:  # an older server, which knows the name already
                refusal = error
            owner.approve_executor(name)
    if not announced:
        _require_same(client, name, refusal)
        with suppress(Unsupported):  # a server that old keeps those of the first registration
            client.update_capabilities(name, capabilities)
    if not any(function.funcname == EXECUTE for function in client.functions(name)):
        client.add_function(Function(executorname=name, funcname=EXECUTE))


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
    if present.executorid != client.identity or present.status is not ExecutorState.APPROVED:
        raise ConfigurationError(
            f"The executor {name!r} of colony {client.colony!r} is registered with another key, or not approved. "
            "Remove it first, or use another name."
        )
