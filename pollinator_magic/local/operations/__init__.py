"""The route table: every operation that the embedded colony knows, by the name of its message.

A name that is not here is refused as the real server refuses operations of newer versions.
"""

from __future__ import annotations

from pollinator_magic.local.operations import (
    attributes,
    executors,
    files,
    information,
    logs,
    members,
    processes,
    snapshots,
    workflows,
)

ROUTES = {
    operation.msgtype: operation
    for module in (members, executors, processes, workflows, attributes, logs, files, snapshots, information)
    for operation in module.OPERATIONS
}
