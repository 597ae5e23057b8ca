"""Accounting for the Slurm of the tests: slurmdbd, and a MariaDB that nobody reaches but through a socket of theirs.

It needs Debian's slurmdbd and mariadb-server. Root of this host is root of the database, without a password.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS = ("slurmdbd", "mariadbd", "mariadb-install-db")
ACCOUNT = "lab"
"""The account of jobs that name none; it may use what it likes."""
_DATABASE = "accounting"
_SLURMDBD = """\
AuthType=auth/munge
AuthInfo=socket={directory}/munge.sock
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={port}
SlurmUser=root
PidFile={directory}/slurmdbd.pid
LogFile={directory}/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc={database}
"""
# What was used counts for a year, undiminished; the controller forgets jobs a moment after their end.
_SLURM = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={port}
AccountingStoragePass={directory}/munge.sock
AccountingStorageEnforce=associations,limits
AccountingStorageTRES=gres/gpu
PriorityType=priority/multifactor
PriorityDecayHalfLife=0
PriorityUsageResetPeriod=YEARLY
MinJobAge=1
"""
# As small as it can be, and as fast where nothing has to outlive a crash.
_TINY = ("--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0")


class Accounting:
    """What a cluster in this directory needs for accounting, with slurmdbd listening on this port of the loopback."""

    def __init__(self, directory: Path, port: int) -> None:
        self._directory = directory
        self._socket = directory / "mysql.sock"
        self.settings = _SLURM.format(directory=directory, port=port)
        """What slurm.conf says of it."""
        self.environment = {"MYSQL_UNIX_PORT": str(self._socket)}
        """How slurmdbd finds the database, whose socket its own configuration cannot name."""
        conf = directory / "slurmdbd.conf"
        conf.touch(mode=0o600)
        conf.write_text(_SLURMDBD.format(directory=directory, port=port, database=_DATABASE))

    def database_words(self) -> list[str]:
        """Make a database; return the words that start its server."""
        data = ["--no-defaults", "--user=root", f"--datadir={self._directory / 'data'}", *_TINY]
        root = ["--auth-root-authentication-method=socket", "--auth-root-socket-user=root"]
        subprocess.run(
            ["mariadb-install-db", *data, *root, "--skip-test-db", "--skip-name-resolve"],
            stdout=(self._directory / "log" / "mariadb-install-db.log").open("wb"),
            stderr=subprocess.STDOUT,
            check=True,
            timeout=120,
        )
        return ["mariadbd", *data, f"--socket={self._socket}", "--skip-networking"]

    def sql(self, statement: str, *, check: bool = True) -> bool:
        """Have the database do something behind slurmdbd's back; return whether it has."""
        words = ["mariadb", "--no-defaults", f"--socket={self._socket}", "--user=root", f"--execute={statement}"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        assert not check or done.returncode == 0, done.stderr
        return done.returncode == 0

    def set_in_job(self, job: str, what: str) -> None:
        """Change what is written down of a job, `what` being SQL: `state=1, time_end=0`."""
        self.sql(f"UPDATE {_DATABASE}.test_job_table SET {what} WHERE id_job={job}")
