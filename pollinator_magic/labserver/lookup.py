"""A job by its id, for handlers that are asked about one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pollinator_magic.labserver.refusals import Refused

if TYPE_CHECKING:
    from pollinator_magic.colonies.client import Colonies
    from pollinator_magic.colonies.models import Process


def process_of(client: Colonies, job: str) -> Process:
    """Return the process as it is now; raise Refused, with what may be the matter, if the colony does not know it."""
    from pollinator_magic.colonies.envelope import printable
    from pollinator_magic.errors import NotFound

    try:
        return client.process(job)
    except NotFound:
        raise Refused(
            404,
            f"Colony {printable(client.colony)!a} has no job {job[:12]}.",
            "It may have been removed, or belong to another colony: choose that one in the sidebar.",
        ) from None
