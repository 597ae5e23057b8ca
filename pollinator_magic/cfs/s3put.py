"""A small object goes to S3 in one signed request, without boto3 around it.

boto3's `put_object` takes three times the processor time, in which sixteen threads wait for one another, and loading
boto3 a quarter of a second. Whatever does not succeed at once (no bucket, a clock that is wrong, a server that asks for
patience, a connection that breaks) is left to boto3, which knows what to do.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pollinator_magic.colonies.bulk import BulkConnections
from pollinator_magic.colonies.connections import Connections, TooLarge, certificate_authorities, failures

if TYPE_CHECKING:
    from pollinator_magic.settings import S3Settings

DEFAULT_REGION = "us-east-1"
_LARGEST_ANSWER = 1024 * 1024
_PATIENCE = 3  # tries in a row that fail; then only boto3 is asked, which may know another way


class SignedPut:
    """Puts objects into the bucket of `settings`. May be used by many threads at once."""

    def __init__(self, settings: S3Settings, *, connect_timeout_s: float, read_timeout_s: float) -> None:
        self._settings = settings
        self._read_timeout_s = read_timeout_s
        self._failures = 0
        authorities = os.environ.get("AWS_CA_BUNDLE") or certificate_authorities()  # those that boto3 trusts
        verify: bool | str = (authorities or True) if settings.verify else False
        url = f"{'https' if settings.tls else 'http'}://{settings.endpoint}"
        self._connections = Connections(url, connect_timeout_s=connect_timeout_s, verify=verify)
        self._bulk = BulkConnections(url, connect_timeout_s=connect_timeout_s, verify=verify)

    def put(self, name: str, content: bytes) -> bool:
        """Store an object, and return whether that has succeeded; the object may exist even if it has not."""
        if self._failures >= _PATIENCE:
            return False
        path = f"/{quote(self._settings.bucket)}/{quote(name)}"
        headers = signed(self._settings, "PUT", path, content, datetime.now(timezone.utc))
        request = ("PUT", path, content)
        limits: Any = {"headers": headers, "read_timeout_s": self._read_timeout_s, "most": _LARGEST_ANSWER}
        try:
            answer = self._bulk.exchange(*request, **limits) or self._connections.exchange(*request, **limits)
        except TooLarge:
            return False
        except failures():
            self._failures += 1
            return False
        self._failures = 0
        return answer.status == 200


def signed(settings: S3Settings, method: str, path: str, content: bytes, now: datetime) -> dict[str, str]:
    """Return the headers of a request without a query, signed as AWS has it (Signature Version 4)."""
    region = settings.region or DEFAULT_REGION
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    headers = {
        "host": settings.endpoint,
        "x-amz-content-sha256": hashlib.sha256(content).hexdigest(),
        "x-amz-date": moment,
    }
    names = ";".join(headers)
    lines = [method, path, "", *(f"{name}:{value}" for name, value in headers.items()), "", names]
    request = "\n".join([*lines, headers["x-amz-content-sha256"]])
    parts = scope.encode().split(b"/")  # whatever may fail does so before there is a key to be seen in this frame
    key = f"AWS4{settings.secret_key}".encode()
    for part in parts:
        key = hmac.digest(key, part, "sha256")
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = f"{settings.access_key}/{scope}"
    authorization = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "Authorization": authorization}
