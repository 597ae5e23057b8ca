"""The everyday requests to S3, signed here and sent without boto3 around them.

boto3's `put_object` takes three times the processor time, in which sixteen threads wait for one another; loading boto3
and describing S3 to it takes a quarter of a second, and 30 MiB for as long as the process lives, which is more than
all else of an idle executor. Whatever does not succeed at once (no bucket, a clock that is wrong, a server that asks
for patience, a connection that breaks) is left to boto3, which knows what to do.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import time
from datetime import datetime, timezone
from html import escape, unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from pollinator_magic.colonies.bulk import BulkConnections
from pollinator_magic.colonies.connections import Connections, TooLarge, certificate_authorities, failures, receive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from urllib3 import BaseHTTPResponse

    from pollinator_magic.settings import S3Settings

DEFAULT_REGION = "us-east-1"
_LARGEST_ANSWER = 1024 * 1024
_PATIENCE = 3  # tries in a row that fail; then only boto3 is asked, which may know another way
_REST_S = 60.0
"""For so long; an executor that has seen an outage shall not do without these requests for the rest of its days."""
_NOT_SIGNED = "UNSIGNED-PAYLOAD"
_HASHED = 256 * 1024
_NO_OBJECT = b"<Code>NoSuchKey</Code>"
_UPLOAD_ID = re.compile(rb"<UploadId>([^<]+)</UploadId>")


class NoSuchObject(Exception):
    """The server says that it has none of that name."""


class Slice:
    """`size` bytes of an open file as the content of a request; `advance` is told of them as they are sent.

    Threads may each send their own of one file.
    """

    def __init__(self, file: int, begin: int, size: int, advance: Callable[[int], None]) -> None:
        self.size = size
        self._file = file
        self._begin = begin
        self._sent = 0
        self._advance = advance

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; an OSError if the file has become shorter."""
        left = self.size - self._sent
        chunk = os.pread(self._file, left if size < 0 else min(size, left), self._begin + self._sent)
        if left and size and not chunk:
            raise OSError("the file has become shorter")
        self._sent += len(chunk)
        self._advance(len(chunk))
        return chunk

    def take_back(self) -> None:
        """Begin again: what was sent does not count."""
        sent, self._sent = self._sent, 0
        self._advance(-sent)

    def whole(self) -> bytes:
        """Return all of it, uncounted."""
        return os.pread(self._file, self.size, self._begin)

    def count(self) -> None:
        """Count all of it, which was sent in another way."""
        self._advance(self.size)

    def sha256(self) -> str:
        """Return its checksum; nothing is counted."""
        digest, read = hashlib.sha256(), 0
        while chunk := os.pread(self._file, min(_HASHED, self.size - read), self._begin + read):
            digest.update(chunk)
            read += len(chunk)
        return digest.hexdigest()


class Content:
    """An object as it comes; what breaks off raises one of `failures()`."""

    def __init__(self, response: BaseHTTPResponse) -> None:
        self._response = response

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        """Yield what comes, at most `size` bytes at a time."""
        while chunk := receive(self._response, size, decoded=False):
            yield chunk

    def close(self) -> None:
        """Close the connection, unless all was read: then it serves the next request."""
        self._response.close()


class SignedRequests:
    """Requests about objects in the bucket of `settings`. May be used by many threads at once."""

    def __init__(self, settings: S3Settings, *, connect_timeout_s: float, read_timeout_s: float) -> None:
        self._settings = settings
        self._read_timeout_s = read_timeout_s
        self._failures = 0
        self._resting_until = 0.0
        authorities = os.environ.get("AWS_CA_BUNDLE") or certificate_authorities()  # those that boto3 trusts
        verify: bool | str = (authorities or True) if settings.verify else False
        url = f"{'https' if settings.tls else 'http'}://{settings.endpoint}"
        self._connections = Connections(url, connect_timeout_s=connect_timeout_s, verify=verify)
        self._bulk = BulkConnections(url, connect_timeout_s=connect_timeout_s, verify=verify)

    def put(self, name: str, content: bytes) -> bool:
        """Store a small object, and return whether that has succeeded; the object may exist even if it has not."""
        if self._resting:
            return False
        path = self._path(name)
        headers = signed(self._settings, "PUT", path, content)
        request = ("PUT", path, content)
        limits: Any = {"headers": headers, "read_timeout_s": self._read_timeout_s, "most": _LARGEST_ANSWER}
        try:
            answer = self._bulk.exchange(*request, **limits) or self._connections.exchange(*request, **limits)
        except TooLarge:
            return False
        except failures():
            self._failed()
            return False
        self._failures = 0
        return answer.status == 200

    def put_slice(self, name: str, content: Slice, *, upload: str = "", number: int = 0) -> str | None:
        """Store an object, or a part of an upload; return its tag, or None if that has not succeeded."""
        query = {"partNumber": str(number), "uploadId": upload} if upload else {}
        response = self._send("PUT", name, query, content)
        tag = "" if response is None else response.headers.get("ETag", "")
        if self._ends_well(response) is None or (upload and not tag):
            content.take_back()
            return None
        return tag

    def get(self, name: str, offset: int = 0) -> tuple[Content, Mapping[str, str]] | None:
        """Open an object from `offset` on; return it with the headers, whose names are in small letters.

        None if that has not succeeded; raises NoSuchObject.
        """
        response = self._send("GET", name, more={"Range": f"bytes={offset}-"} if offset else {})
        if response is None:
            return None
        if response.status == 404 and _NO_OBJECT in (self._whole(response) or b""):
            raise NoSuchObject
        headers = {header.lower(): value for header, value in response.headers.items()}
        # Without a length the head of the answer was cut off, which http.client takes for that of an empty object.
        if response.status not in {200, 206} or not {"content-length", "transfer-encoding"} & headers.keys():
            response.close()
            return None
        self._failures = 0
        return Content(response), headers

    def delete(self, name: str) -> bool:
        """Delete an object; return whether that has succeeded."""
        return self._ends_well(self._send("DELETE", name)) is not None

    def begin(self, name: str) -> str:
        """Begin an upload in parts; return its id, or "" if that has not succeeded."""
        found = _UPLOAD_ID.search(self._ends_well(self._send("POST", name, {"uploads": ""}, b"")) or b"")
        return unescape(found[1].decode(errors="replace")) if found else ""

    def complete(self, name: str, upload: str, tags: Sequence[str]) -> bool:
        """Make an object of the parts with these tags, in their order; return whether that has succeeded."""
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(tag)}</ETag></Part>"
            for number, tag in enumerate(tags, 1)
        )
        body = f'<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{parts}</CompleteMultipartUpload>'
        answer = self._ends_well(self._send("POST", name, {"uploadId": upload}, body.encode()))
        return b"<CompleteMultipartUploadResult" in (answer or b"")  # an error may come with status 200

    def abort(self, name: str, upload: str) -> bool:
        """Have the parts of an upload removed; return whether that has succeeded."""
        return self._ends_well(self._send("DELETE", name, {"uploadId": upload})) is not None

    @property
    def _resting(self) -> bool:
        return time.monotonic() < self._resting_until

    def _failed(self) -> None:
        self._failures += 1
        if self._failures >= _PATIENCE:
            self._resting_until = time.monotonic() + _REST_S

    def _path(self, name: str) -> str:
        return f"/{quote(self._settings.bucket)}/{quote(name)}"

    def _send(
        self,
        method: str,
        name: str,
        query: Mapping[str, str] | None = None,
        content: bytes | Slice | None = None,
        *,
        more: Mapping[str, str] | None = None,
    ) -> BaseHTTPResponse | None:
        """Send a request, once; return an answer whose content is not read yet, or None if there is none."""
        if self._resting:
            return None
        path = self._path(name)
        headers = {**signed(self._settings, method, path, content, query=query), **(more or {})}
        if content is not None:
            headers["Content-Length"] = str(content.size if isinstance(content, Slice) else len(content))
        try:
            return self._connections.open(
                method,
                f"{path}?{_query(query)}" if query else path,
                content,
                headers=headers,
                read_timeout_s=self._read_timeout_s,
            )
        except failures():
            self._failed()
            return None

    def _ends_well(self, response: BaseHTTPResponse | None) -> bytes | None:
        """Return what an answer says, if it is a good one and whole."""
        said = None if response is None else self._whole(response)
        return said if response is not None and response.status in {200, 204} else None

    def _whole(self, response: BaseHTTPResponse) -> bytes | None:
        """Return all that an answer says; None if that is too much, or breaks off."""
        try:
            chunks, size = [], 0
            while chunk := receive(response, _LARGEST_ANSWER):
                chunks.append(chunk)
                size += len(chunk)
                if size > _LARGEST_ANSWER:
                    return None
        except failures():
            self._failed()
            return None
        finally:
            response.close()
        self._failures = 0
        return b"".join(chunks)


def signed(
    settings: S3Settings,
    method: str,
    path: str,
    content: bytes | Slice | None = None,
    now: datetime | None = None,
    *,
    query: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the headers of a request, signed as AWS has it (Signature Version 4).

    TLS protects what a slice holds; without TLS it is read once before it is sent, for its checksum.
    """
    region = settings.region or DEFAULT_REGION
    moment = (now or datetime.now(timezone.utc)).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    if isinstance(content, Slice):
        checksum = _NOT_SIGNED if settings.tls else content.sha256()
    else:
        checksum = hashlib.sha256(content or b"").hexdigest()
    headers = {"host": settings.endpoint, "x-amz-content-sha256": checksum, "x-amz-date": moment}
    names = ";".join(headers)
    lines = [method, path, _query(query), *(f"{name}:{value}" for name, value in headers.items()), "", names]
    request = "\n".join([*lines, checksum])
    parts = scope.encode().split(b"/")  # whatever may fail does so before there is a key to be seen in this frame
    key = f"AWS4{settings.secret_key}".encode()
    for part in parts:
        key = hmac.digest(key, part, "sha256")
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = f"{settings.access_key}/{scope}"
    authorization = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "Authorization": authorization}


def _query(query: Mapping[str, str] | None) -> str:
    """Write a query as it is sent and as it is signed."""
    return urlencode(sorted((query or {}).items()), quote_via=quote, safe="")
