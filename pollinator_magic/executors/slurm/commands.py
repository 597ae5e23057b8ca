"""Runs the commands of Slurm, in an environment that says nothing to them but where Slurm is.

Variables such as SBATCH_PARTITION or SQUEUE_FORMAT, which the person who started the executor may have set, would
change what the commands do; and what sbatch finds in its environment is what the job gets.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.errors import PollinatorError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

_TIMEOUT_S = 60.0
_KEPT = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "SLURM_CONF"),
        *("MODULEPATH", "MODULESHOME", "LMOD_CMD", "LMOD_DIR", "LMOD_PKG", "LMOD_ROOT"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    )
)
_KEPT_PREFIXES = ("LC_", "PIP_")
_PASSING = re.compile(
    r"unable to contact|timed out|connection refused|connection (?:reset|failure)|communication|transport endpoint"
    r"|zero bytes|standby mode|temporarily|unexpected message|munge|authentication|not responding|try again",
    re.IGNORECASE,
)
_NOISE = re.compile(r"^(?:sbatch|squeue|scancel|scontrol|sinfo|sacct|sacctmgr|sshare|srun): (?:error|fatal): ")
_FAILURE = re.compile(r"^(?:Batch job submission failed|allocation failure|slurm_load_\w+ error): ")


class SlurmTrouble(PollinatorError):
    """A command of Slurm that failed. `passing`: it may work later, because nobody answered."""

    def __init__(self, text: str, *, passing: bool) -> None:
        super().__init__(text)
        self.passing = passing


class Slurm:
    """The commands of one Slurm; `commands` is their directory (empty: PATH), `conf` its configuration file."""

    def __init__(self, *, commands: str = "", conf: str = "") -> None:
        self._directory = commands
        self.environment = clean_environment(os.environ)
        if conf:
            self.environment["SLURM_CONF"] = conf

    def program(self, name: str) -> str:
        """Return the word that starts a command, on this host and on every node."""
        return str(Path(self._directory) / name) if self._directory else name

    def ask(self, name: str, *options: str) -> str:
        """Run a command to its end and return what it says; raise SlurmTrouble if it fails."""
        try:
            done = subprocess.run(
                [self.program(name), *options],
                env={**self.environment, "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SlurmTrouble(f"{name} did not answer within {_TIMEOUT_S:.0f} s", passing=True) from None
        except OSError as error:
            raise SlurmTrouble(f"{name} cannot be started: {error.strerror}", passing=False) from error
        if done.returncode != 0:
            raise trouble(name, done.returncode, done.stderr)
        return done.stdout.decode(errors="replace")

    def begin(
        self, name: str, *options: str, stdout: IO[bytes] | int, stderr: IO[bytes] | int, hold: int | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a command, which keeps the file descriptor `hold` open; raise OSError if that is impossible."""
        return subprocess.Popen(
            [self.program(name), *options],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            pass_fds=() if hold is None else (hold,),
            start_new_session=True,  # an interrupt at the executor's terminal is not meant for it
        )


def clean_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that commands of Slurm, and so jobs, get of the executor's own."""
    return {name: value for name, value in inherited.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}


def trouble(name: str, status: int, stderr: bytes) -> SlurmTrouble:
    """Return what a command has said when it failed, without the noise around it."""
    words = plain_words(stderr.decode(errors="replace")) or f"{name} ended with exit status {status}"
    return SlurmTrouble(words, passing=bool(_PASSING.search(words)))


def plain_words(stderr: str) -> str:
    """Return the errors of a command as sentences: `sbatch: error: …` and the like tell nothing."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [_NOISE.sub("", line) for line in lines if _NOISE.match(line) or _FAILURE.match(line)]
    sentences: list[str] = []
    for line in errors or lines:
        sentence = _FAILURE.sub("", line).rstrip(".")
        if sentence and sentence not in sentences:
            sentences.append(sentence)
    return ". ".join(sentences)
