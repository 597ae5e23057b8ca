"""Requests are signed as botocore signs them."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pollinator_magic.cfs.s3put import signed
from pollinator_magic.settings import S3Settings


@pytest.mark.parametrize("content", [b"", b"content", bytes(range(256))])
@pytest.mark.parametrize(
    ("endpoint", "region", "path"),
    [
        ("127.0.0.1:9000", "", "/bucket/0123abcd"),
        ("s3.example.org", "eu-north-1", "/bucket.with.dots/a-b_c.d"),
        ("s3.example.org:9443", "us-east-1", "/b%C3%BCcket/name"),
    ],
)
def test_the_signature_is_the_one_of_botocore(monkeypatch, content, endpoint, region, path):
    settings = S3Settings(endpoint, "bucket", access_key="access", secret_key="secret", region=region)
    request = AWSRequest("PUT", f"https://{endpoint}{path}", data=content)
    now = datetime.now(timezone.utc)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: now.replace(tzinfo=None))

    S3SigV4Auth(Credentials("access", "secret"), "s3", region or "us-east-1").add_auth(request)

    assert signed(settings, "PUT", path, content, now)["Authorization"] == request.headers["Authorization"]
