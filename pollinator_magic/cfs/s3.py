"""Objects in an S3 bucket: by requests that are signed here (`s3signed`), and over boto3 wherever these do not succeed.

The endpoint and the keys are the own environment's, whatever a file's metadata says. No boto3 traceback and no key ever
shows in an error.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pollinator_magic.cfs.s3signed import DEFAULT_REGION, NoSuchObject, SignedRequests, Slice
from pollinator_magic.colonies.connections import failures, is_loopback
from pollinator_magic.colonies.models import Reference, S3Object
from pollinator_magic.errors import ObjectMissing, StorageDenied, StorageError, UnsafeName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from pollinator_magic.settings import S3Settings

_CHUNK = 64 * 1024  # of larger ones the allocator keeps several megabytes, for every thread that ever carried a file
_SMALL = 256 * 1024
_PART = 16 * 1024 * 1024
_MOST_PARTS = 10_000
_PARTS_AT_ONCE = 4
_ATTEMPTS = 3
_LONGEST_NAME = 1024
_CONNECT_TIMEOUT_S = 5
_MISSING_BUCKET = "NoSuchBucket"
GONE = "Try again; if it is gone for good, change the file, so that it is uploaded anew."


class S3Objects:
    """Objects in the bucket of `settings`, over at most `connections` connections.

    A server that is silent for `read_timeout_s` is asked again, a few times. A bucket that does not exist is made by
    the first `put`, as the Go tools do.
    """

    def __init__(self, settings: S3Settings, *, connections: int = 16, read_timeout_s: float = 60) -> None:
        self.settings = settings
        self._read_timeout_s = read_timeout_s
        self._connections = connections
        self._connecting = threading.Lock()
        self._connected: Any = None
        self._signed = SignedRequests(settings, connect_timeout_s=_CONNECT_TIMEOUT_S, read_timeout_s=read_timeout_s)

    def put(self, name: str, file: Path, advance: Callable[[int], None]) -> None:
        """Store the content of `file`, in parts that are sent side by side if it is large; see ObjectStore."""
        _check(name)
        try:
            self._put(name, file, advance)
        except _BucketMissing:
            self._create_bucket()
            self._put(name, file, advance)

    def read(self, name: str) -> Iterator[bytes]:
        """Yield the content of an object, going on where a broken connection left off; see ObjectStore."""
        _check(name)
        offset, broken = 0, 0
        while True:
            try:
                body, headers = self._open(name, offset)
            except _BeyondEnd:
                return  # nothing is left to go on with; whoever reads compares the size
            try:
                _check_head(headers, self.settings.endpoint)
                for chunk in body.iter_chunks(_CHUNK):
                    offset += len(chunk)
                    yield chunk
            except _breaks() as error:
                broken += 1
                if broken == _ATTEMPTS:
                    raise self._unreachable(error) from None
                time.sleep(0.2 * broken)
            else:
                return
            finally:
                body.close()

    def delete(self, name: str) -> None:
        """Delete an object; see ObjectStore."""
        _check(name)
        if self._signed.delete(name):
            return
        with self._errors(name):
            self._client.delete_object(Bucket=self.settings.bucket, Key=name)

    def reference(self, name: str) -> Reference:
        """Return what the metadata of a file says of its object, as the Go tools write it but without keys."""
        settings = self.settings
        return Reference(
            s3object=S3Object(
                server=settings.endpoint,
                port=-1,
                tls=settings.tls,
                region=settings.region,
                object=name,
                bucket=settings.bucket,
            )
        )

    def __repr__(self) -> str:
        return f"S3Objects({self.settings.endpoint}, bucket={self.settings.bucket!r})"

    @property
    def _client(self) -> Any:
        with self._connecting:
            if self._connected is None:
                with self._errors(""):
                    self._connected = self._connect()
            return self._connected

    def _connect(self) -> Any:
        import boto3
        import botocore.session
        from botocore.config import Config

        # Whatever profile the user has for AWS itself has no say here.
        core = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
        settings = self.settings
        host = settings.endpoint.rpartition(":")[0] or settings.endpoint
        return boto3.session.Session(botocore_session=core).client(
            "s3",
            endpoint_url=f"{'https' if settings.tls else 'http'}://{settings.endpoint}",
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key,
            region_name=settings.region or DEFAULT_REGION,
            verify=None if settings.verify else False,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                connect_timeout=_CONNECT_TIMEOUT_S,
                read_timeout=self._read_timeout_s,
                max_pool_connections=self._connections * 2,  # parts of large files have threads of their own
                tcp_keepalive=True,
                proxies={} if is_loopback(host) else None,
                # Older servers refuse the checksums that newer versions of boto3 send by default.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def _put(self, name: str, file: Path, advance: Callable[[int], None]) -> None:
        with file.open("rb") as content:
            size = file.stat().st_size
            if size <= _SMALL:
                self._put_small(name, content.read(size))
                advance(size)
            elif size <= _PART:
                self._put_whole(name, content, size, advance)
            else:
                self._put_parts(name, file, content, size, advance)

    def _put_small(self, name: str, content: bytes) -> None:
        if not self._signed.put(name, content):
            with self._errors(name):
                self._client.put_object(Bucket=self.settings.bucket, Key=name, Body=content)

    def _put_whole(self, name: str, content: BinaryIO, size: int, advance: Callable[[int], None]) -> None:
        if self._signed.put_slice(name, Slice(content.fileno(), 0, size, advance)) is None:
            with self._errors(name):
                self._client.put_object(Bucket=self.settings.bucket, Key=name, Body=content)
            advance(size)

    def _put_parts(self, name: str, file: Path, content: BinaryIO, size: int, advance: Callable[[int], None]) -> None:
        upload = self._signed.begin(name)
        if not upload:
            self._put_parts_over_boto3(name, file, advance)
            return
        part = max(_PART, math.ceil(size / _MOST_PARTS))
        slices = [Slice(content.fileno(), begin, min(part, size - begin), advance) for begin in range(0, size, part)]
        try:
            with ThreadPoolExecutor(_PARTS_AT_ONCE, thread_name_prefix="pollinator-parts") as pool:
                sending = [pool.submit(self._put_part, name, upload, *one) for one in enumerate(slices, 1)]
                try:
                    tags = [one.result() for one in sending]
                finally:
                    pool.shutdown(cancel_futures=True)
            self._complete(name, upload, tags)
        except BaseException:
            self._abort(name, upload)
            raise

    def _put_part(self, name: str, upload: str, number: int, content: Slice) -> str:
        """Return the tag of a part that was stored."""
        tag = self._signed.put_slice(name, content, upload=upload, number=number)
        if tag is None:
            with self._errors(name):
                tag = str(
                    self._client.upload_part(
                        Bucket=self.settings.bucket,
                        Key=name,
                        UploadId=upload,
                        PartNumber=number,
                        Body=content.whole(),
                    )["ETag"]
                )
            content.count()
        return tag

    def _complete(self, name: str, upload: str, tags: list[str]) -> None:
        if not self._signed.complete(name, upload, tags):
            parts: list[Any] = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
            with self._errors(name):
                self._client.complete_multipart_upload(
                    Bucket=self.settings.bucket, Key=name, UploadId=upload, MultipartUpload={"Parts": parts}
                )

    def _abort(self, name: str, upload: str) -> None:
        """Have what was stored of a failed upload removed; if that fails too, it is the server's to clean up."""
        if not self._signed.abort(name, upload):
            with suppress(StorageError), self._errors(name):
                self._client.abort_multipart_upload(Bucket=self.settings.bucket, Key=name, UploadId=upload)

    def _put_parts_over_boto3(self, name: str, file: Path, advance: Callable[[int], None]) -> None:
        from boto3.s3.transfer import TransferConfig

        with self._errors(name):
            self._client.upload_file(
                str(file),
                self.settings.bucket,
                name,
                Callback=advance,
                Config=TransferConfig(
                    multipart_threshold=_PART, multipart_chunksize=_PART, max_concurrency=_PARTS_AT_ONCE
                ),
            )

    def _open(self, name: str, offset: int) -> tuple[Any, Mapping[str, str]]:
        """Return the content from `offset` on, and the headers, whose names are in small letters."""
        try:
            opened = self._signed.get(name, offset)
        except NoSuchObject:
            raise self._missing(name) from None
        if opened is not None:
            body, headers = opened
            place = headers.get("content-range", "")
        else:
            with self._errors(name):
                ranged = {"Range": f"bytes={offset}-"} if offset else {}
                reply = self._client.get_object(Bucket=self.settings.bucket, Key=name, **ranged)
            body, headers = reply["Body"], reply["ResponseMetadata"]["HTTPHeaders"]
            place = str(reply.get("ContentRange", ""))
        if offset and not place.startswith(f"bytes {offset}-"):
            body.close()
            raise StorageError(f"The connection to {self._place} broke in the middle of an object. Run again.")
        return body, headers

    def _create_bucket(self) -> None:
        region = self.settings.region or DEFAULT_REGION
        elsewhere = {} if region == DEFAULT_REGION else {"LocationConstraint": region}
        try:
            with self._errors(""):
                self._client.create_bucket(
                    Bucket=self.settings.bucket,
                    **({"CreateBucketConfiguration": elsewhere} if elsewhere else {}),
                )
        except _BucketExists:
            return  # made by another thread or client
        except StorageError as error:
            raise type(error)(
                f"The bucket {self.settings.bucket!r} does not exist at {self.settings.endpoint} and cannot be made: "
                f"{error} Check AWS_S3_BUCKET, or ask for the bucket to be made."
            ) from None

    @property
    def _place(self) -> str:
        return f"bucket {self.settings.bucket!r} at {self.settings.endpoint}"

    @contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        """Turn what boto3 raises into the errors of this project."""
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            raise self._refused(error.response, name) from None
        except Boto3Error as error:  # from upload_file, around a ClientError
            cause = error.__context__
            if isinstance(cause, ClientError):
                raise self._refused(cause.response, name) from None
            raise StorageError(f"Cannot write to {self._place}: {type(error).__name__}.") from None
        except BotoCoreError as error:
            raise self._unreachable(error) from None

    def _missing(self, name: str) -> ObjectMissing:
        return ObjectMissing(f"The {self._place} has no object {name}. {GONE}")

    def _refused(self, response: Any, name: str) -> StorageError:
        code = str(response.get("Error", {}).get("Code", ""))
        status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if status in {401, 403}:
            return StorageDenied(
                f"The object store at {self.settings.endpoint} does not accept these keys for bucket "
                f"{self.settings.bucket!r} ({code}). Check AWS_S3_ACCESSKEY, AWS_S3_SECRETKEY and AWS_S3_BUCKET."
            )
        if code == _MISSING_BUCKET:
            return _BucketMissing(
                f"There is no bucket {self.settings.bucket!r} at {self.settings.endpoint}. Check AWS_S3_BUCKET."
            )
        if code in {"BucketAlreadyExists", "BucketAlreadyOwnedByYou"}:
            return _BucketExists(f"The {self._place} exists.")
        if status == 416:
            return _BeyondEnd(f"The {self._place} has no more of object {name}.")
        if status == 404:
            return self._missing(name)
        return StorageError(f"The {self._place} refused a request: {code or 'no reason'} (HTTP {status}). Try again.")

    def _unreachable(self, error: Exception) -> StorageError:
        from botocore.exceptions import SSLError

        endpoint = self.settings.endpoint
        if isinstance(error, SSLError):
            return StorageError(
                f"There is no trusted TLS connection to the object store at {endpoint}. If it does not speak TLS, set "
                "AWS_S3_TLS=false; if its certificate is from an authority of your own, name its file in AWS_CA_BUNDLE."
            )
        return StorageError(
            f"The object store at {endpoint} cannot be reached ({type(error).__name__}). "
            "Check AWS_S3_ENDPOINT and AWS_S3_TLS, and that it is running."
        )


def _check(name: str) -> None:
    """Refuse a name that could lead out of the bucket, as what is in the way of an address may do."""
    if not name.isprintable() or {"", ".", ".."} & set(name.split("/")) or len(name) > _LONGEST_NAME:
        raise UnsafeName(f"{name[:200]!a} is not a name of an object. The file's metadata is damaged.", path=name)


def _breaks() -> tuple[type[Exception], ...]:
    """Return what reading raises where a connection breaks; boto3 raises nothing if it was never loaded."""
    boto3_s = sys.modules.get("botocore.exceptions")
    return (*failures(), boto3_s.BotoCoreError) if boto3_s else failures()


def _check_head(headers: Mapping[str, str], endpoint: str) -> None:
    """Refuse an answer whose head was cut off, which http.client takes for the head of an empty object."""
    if not {"content-length", "transfer-encoding"} & headers.keys():
        from botocore.exceptions import ConnectionClosedError

        raise ConnectionClosedError(endpoint_url=endpoint)


class _BucketMissing(StorageError):
    """The bucket does not exist, and might be made."""


class _BeyondEnd(StorageError):
    """The object ends before the offset that was asked for."""


class _BucketExists(StorageError):
    """The bucket that should be made exists."""
