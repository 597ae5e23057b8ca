"""A small object goes to S3 in one signed request, without boto3's machinery around it.

`put_object` takes more than a millisecond of processor time, in which sixteen threads wait for one another; the request
itself, signed by botocore and sent over the same connections, takes less than half of that. Whatever does not succeed
at once (no bucket, a clock that is wrong, a server that asks for patience) is left to boto3, which knows what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from pollinator_magic.settings import S3Settings


class SignedPut:
    """Puts objects into the bucket of `settings` over the connections of `client`, a boto3 client for it."""

    def __init__(self, client: Any, settings: S3Settings) -> None:
        from botocore.auth import S3SigV4Auth
        from botocore.credentials import Credentials

        self._bucket = f"{client.meta.endpoint_url}/{quote(settings.bucket)}/"
        keys = Credentials(settings.access_key, settings.secret_key)
        self._signer = S3SigV4Auth(keys, "s3", client.meta.region_name)
        # The client's own connections: with its certificates, proxies and timeouts, which boto3 offers in no other way.
        self._connections = client._endpoint.http_session  # noqa: SLF001

    def put(self, name: str, content: bytes) -> bool:
        """Store an object, and return whether that has succeeded; the object may exist even if it has not."""
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import BotoCoreError

        request = AWSRequest("PUT", self._bucket + quote(name), data=content)
        try:
            self._signer.add_auth(request)
            return bool(self._connections.send(request.prepare()).status_code == 200)
        except BotoCoreError:
            return False
