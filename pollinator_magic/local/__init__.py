"""The embedded colony: a Colonies server and an executor of the user's own, on a loopback port.

It speaks the protocol of the real server (protocol.md, sections 3 to 9), so that the real clients work against it, and
answers with the same statuses and messages. It differs on purpose where the real server (1.9.12) hurts its users:

- Work is handed to the first eligible assign call that waits, so no wake-up is lost; a client that has gone away gets
  none, and a process whose assign reply could not be written goes back to the queue. The reply of assign already shows
  `execdeadline`.
- Processes that ask for storage, or for more than 127 nodes, are assigned like any other.
- A process that goes back to the queue loses the attributes of the attempt that ended, so that the next attempt can set
  them again, and its waiting time counts anew.
- A refused close changes nothing, and closing a successful process again does not count twice in the statistics of its
  function. Removing a process removes its log.
- Timestamps of log entries are unique and strictly increasing over the whole server: a cursor never loses an entry.
- Log search takes the text as it is (`%` and `_` are no wildcards) and gives the newest matches, oldest first. Executor
  logs and executors looked up by id are those of the colony that was asked.
- Labels are matched as they are; a label that only has sub labels shows them, in label listings and in snapshots.
- A file revision that a snapshot lists stays readable by its id until the snapshot is removed.
- A snapshot may have a colon in its name.
- Subscribing to a process needs membership of its colony; events of other colonies are never delivered, every
  subscriber gets every event, and none takes work away from an executor.
- What the real server answers with an empty body, two bodies or the text of a database error gets one error envelope:
  403 for process history and statistics of a colony by a non-member, 400 for JSON null, negative counts and attributes
  that exist.
- Memory sizes are read the same way every time (`KB`, `MB` and `TB` are refused). Capabilities in the form of older
  versions, single objects, are accepted.
- What is beyond generous limits is collected: ended processes with their logs and results, what nobody refers to.
- Executors are not unregistered for being quiet: a laptop that slept is no reason to lose its executor.
- Times are written in UTC, and lists inside objects are empty lists, never null. What is no JSON is refused in words of
  its own.
"""
