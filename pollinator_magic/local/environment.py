"""The environment variables by which other tools reach the embedded colony (protocol.md, section 2)."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pollinator_magic.hidden import hide_secrets
from pollinator_magic.local.home import COLONY
from pollinator_magic.local.rclone import HOW_TO_INSTALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pollinator_magic.local.home import DaemonRecord, Home

_HOST = "127.0.0.1"
_BUCKET = "pollinator"
_REGION = "us-east-1"  # any is fine, but without one some tools ask for it first
_IN_DOUBLE_QUOTES = re.compile(r'([\\"$`])')


@dataclass(frozen=True)
class Environment:
    """Variables by name. The keys are not shown unless they are asked for."""

    public: Mapping[str, str]
    keys: Mapping[str, str] = field(repr=False)
    s3: bool
    """Whether files can be carried by tools that know only S3."""

    @classmethod
    def of(cls, home: Home, daemon: DaemonRecord) -> Environment:
        """Return what leads to the colony that this daemon serves."""
        keys = home.keys
        public = {
            "COLONIES_SERVER_HOST": _HOST,
            "COLONIES_SERVER_PORT": str(daemon.port),
            "COLONIES_SERVER_HTTP_PORT": str(daemon.port),
            "COLONIES_TLS": "false",
            "COLONIES_SERVER_TLS": "false",
            "COLONIES_COLONY_NAME": COLONY,
            "COLONIES_SERVER_ID": keys.server.identity,
            "COLONIES_COLONY_ID": keys.owner.identity,
            "COLONIES_ID": keys.user.identity,
        }
        secret = {
            "COLONIES_PRVKEY": keys.user.reveal(),
            "COLONIES_COLONY_PRVKEY": keys.owner.reveal(),
            "COLONIES_SERVER_PRVKEY": keys.server.reveal(),
        }
        if not daemon.s3_port:
            return cls({**public, "POLLINATOR_OBJECTS_DIR": str(home.objects)}, hide_secrets(secret), s3=False)
        public |= {
            "AWS_S3_ENDPOINT": f"{_HOST}:{daemon.s3_port}",
            "AWS_S3_BUCKET": _BUCKET,
            "AWS_S3_REGION": _REGION,
            "AWS_S3_TLS": "false",
            "AWS_S3_SKIPVERIFY": "false",
        }
        secret |= {"AWS_S3_ACCESSKEY": home.s3_keys.access, "AWS_S3_SECRETKEY": home.s3_keys.secret}
        return cls(public, hide_secrets(secret), s3=True)

    def text(self, *, with_keys: bool) -> str:
        """Return lines for a shell, or for `%pollinator connect FILE`; without the keys they say how to get them."""
        lines = [f"export {name}={_quoted(value)}" for name, value in self.public.items()]
        if with_keys:
            lines += [f"export {name}={_quoted(value)}" for name, value in self.keys.items()]
        else:
            lines += [f"# {name}: with --keys" for name in self.keys]
        if not self.s3:
            lines.append(f"# AWS_S3_*: other tools carry files over S3, for which rclone is needed. {HOW_TO_INSTALL}")
        return "\n".join(lines)


def _quoted(value: str) -> str:
    """Quote a value so that a shell and files of variables, which know no quotes within quotes, read the same."""
    if "'" not in value:
        return shlex.quote(value)
    return '"' + _IN_DOUBLE_QUOTES.sub(r"\\\1", value) + '"'
