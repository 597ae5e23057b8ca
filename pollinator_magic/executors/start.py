"""Starting an executor: its keys, its directory, its engine, its log and metrics, and the worker that uses them."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from pollinator_magic.errors import ConfigurationError, PollinatorError
from pollinator_magic.executors.logs import logging_to_stderr
from pollinator_magic.executors.storedkey import stored_key
from pollinator_magic.executors.worker import Worker
from pollinator_magic.settings import S3Settings, connection_from_environment, is_configured, owner_key_from_environment

if TYPE_CHECKING:
    from pollinator_magic.colonies.keys import PrivateKey
    from pollinator_magic.executors.configuration import Configuration
    from pollinator_magic.settings import Connection

_log = logging.getLogger(__name__)


def start(configuration: Configuration) -> None:
    """Run jobs of the colony that the environment names until SIGINT or SIGTERM, then let them finish.

    With the colony owner's key the executor registers itself, with a key of its own that is made on first use and kept
    in its directory. Without, the environment's key must be the executor's. Raises PollinatorError where it cannot
    work; SystemExit if it has said so already, as an entry of a log in JSON.
    """
    connection, owner_key = connection_of(configuration)
    settings = configuration.executor
    directory = directory_of(configuration, connection.colony)
    _make(directory)
    if owner_key is not None:
        connection = replace(connection, key=stored_key(directory / ".executor" / "executor.key"))
    with ExitStack() as closing:
        closing.enter_context(
            logging_to_stderr(
                settings.name,
                form=settings.log_format,
                level=settings.log_level,
                secrets=_secrets(connection, owner_key),
            )
        )
        engine = configuration.kind.make(configuration.engine, directory)
        worker = Worker(
            connection,
            owner_key,
            engine,
            name=settings.name,
            fs_dir=directory,
            executor_type=settings.type,
            location=settings.location,
            poll_s=settings.poll_s,
            drain_s=settings.drain_s,
        )
        if settings.metrics:
            from pollinator_magic.executors.metrics import Collector, serving

            names = {"executor": settings.name, "engine": configuration.kind.name, "colony": connection.colony}
            closing.enter_context(serving(settings.metrics_address, Collector(worker.counts, engine, names)))
            _log.info("Metrics are served at %s, port %d.", *settings.metrics_address)
        _log.info(
            "Executor %r takes jobs of colony %r at %s, for the engine %r, with files in %s. Stop it with Ctrl-C.",
            settings.name,
            connection.colony,
            connection.server,
            configuration.kind.name,
            str(directory),
        )
        try:
            worker.run()
        except PollinatorError as error:
            if settings.log_format == "text":
                raise
            _log.error("%s", error)
            raise SystemExit(2) from None


def connection_of(configuration: Configuration) -> tuple[Connection, PrivateKey | None]:
    """Return the colony and the keys that the environment names, and the colony owner's key if it is there.

    Raises ConfigurationError if they are not set, contradict each other, or are in a file that others can read.
    """
    environment = configuration.environment()
    if not is_configured(environment):
        raise ConfigurationError(
            "Nothing says which colony to work for: set COLONIES_SERVER_HOST, COLONIES_COLONY_NAME, COLONIES_PRVKEY "
            "and, for files, AWS_S3_* in the environment or in a file that --env-file names."
        )
    return connection_from_environment(environment), owner_key_from_environment(environment)


def directory_of(configuration: Configuration, colony: str) -> Path:
    """Return where the files of an executor's jobs lie: by default where nobody else may see them."""
    if configuration.executor.fs_dir:
        return Path(configuration.executor.fs_dir).expanduser().absolute()
    return Path(platformdirs.user_data_dir("pollinator_magic")) / "executors" / colony / configuration.executor.name


def _make(directory: Path) -> None:
    try:
        for one in (*reversed(directory.parents), directory):
            one.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationError(
            f"The directory {str(directory)!r} cannot be made: {error.strerror}. Choose another with --fs-dir."
        ) from None


def _secrets(connection: Connection, owner_key: PrivateKey | None) -> list[str]:
    secrets = [connection.key.reveal()]
    if owner_key is not None:
        secrets.append(owner_key.reveal())
    if isinstance(connection.storage, S3Settings):
        secrets += [connection.storage.access_key, connection.storage.secret_key]
    return secrets
