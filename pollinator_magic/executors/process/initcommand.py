"""What an init-cmd depends on and whether it only installs packages, so that its effect can be kept and used again."""

from __future__ import annotations

import hashlib
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_INSTALLS = re.compile(r"(?:pip3?|python3? -m pip) install ")
_SCRIPT = re.compile(r"(?:sh|bash|\.) (\S+)")
_SHELL = re.compile(r"[$`|<>()*?~\\]|&(?!&)")
_QUOTED = re.compile(r"""'[^']*'|"[^"$`\\]*\"""")
_HARMLESS = {"set -e", "set -eu", "set -ex", "set -eux", "set -x", "true"}
_LISTS = {"-r", "--requirement", "-c", "--constraint"}
_PLACES = {"-i", "--index-url", "--extra-index-url", "-f", "--find-links"}
_LARGE = 16 * 1024 * 1024
_ELSEWHERE = ("-t", "--target", "--prefix", "--root", "--user", "-e", "--editable", "-U", "--upgrade", "--pre")


@dataclass(frozen=True)
class InitCommand:
    """An init-cmd, understood as far as that is safe."""

    digest: str
    """Changes with the text, and with the content of every file that it names."""
    only_packages: bool
    """Whether doing it twice does nothing new: packages are installed by name, and nothing else happens."""


def understand(text: str, locate: Callable[[str], Path | None]) -> InitCommand:
    """Look at an init-cmd; `locate` returns the file that a word names, or None."""
    script = _SCRIPT.fullmatch(text.strip())
    file = locate(script[1]) if script else None
    steps = file.read_text(encoding="utf-8", errors="replace") if file else text
    digest = hashlib.sha256()
    for part in re.split(r"([\s;&|]+)", text if file is None else f"sh\n{steps}"):
        named = locate(part.strip("'\""))
        digest.update(_fingerprint(named) if named else part.encode() + b"\0")
    return InitCommand(digest.hexdigest(), all(map(_installs, _commands(steps))))


def _fingerprint(file: Path) -> bytes:
    status = file.stat()
    if status.st_size > _LARGE:
        return f"{status.st_size} {status.st_mtime_ns}\0".encode()
    return hashlib.sha256(file.read_bytes()).digest()


def _commands(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    commands = [part.strip() for line in lines if not line.startswith("#") for part in re.split(r"&&|;", line)]
    return [" ".join(command.split()) for command in commands if command]


def _installs(command: str) -> bool:
    """Whether a command is `pip install` with requirements by name, or lists of them, and nothing with side effects."""
    if command in _HARMLESS:
        return True
    match = _INSTALLS.match(command)
    if not match:
        return False
    try:
        words = shlex.split(command[match.end() :])
    except ValueError:
        return False
    if _SHELL.search(_QUOTED.sub("", command)):
        return False
    for previous, word in zip(["", *words[:-1]], words, strict=True):
        if word.startswith(_ELSEWHERE):
            return False
        if ("/" in word or word.startswith(".")) and previous not in _LISTS | _PLACES and not word.startswith("--"):
            return False
    return bool(words)
