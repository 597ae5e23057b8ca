"""Requests are signed as botocore signs them."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime, timezone

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pollinator_magic.cfs.s3signed import Slice, signed
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


def test_the_signature_of_a_query_is_the_one_of_botocore(monkeypatch):
    settings = S3Settings("s3.example.org", "bucket", access_key="access", secret_key="secret", region="us-east-1")
    query = {"uploadId": "a+b/c=~ü", "partNumber": "12"}
    request = AWSRequest("PUT", "https://s3.example.org/bucket/name", data=b"", params=query)
    now = datetime.now(timezone.utc)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: now.replace(tzinfo=None))

    S3SigV4Auth(Credentials("access", "secret"), "s3", "us-east-1").add_auth(request)

    made = signed(settings, "PUT", "/bucket/name", b"", now, query=query)
    assert made["Authorization"] == request.headers["Authorization"]


def test_a_slice_gives_its_bytes_and_counts_them_until_they_are_taken_back(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(bytes(range(100)))
    counted = []
    with file.open("rb") as opened:
        part = Slice(opened.fileno(), 10, 20, counted.append)

        assert part.sha256() == hashlib.sha256(bytes(range(10, 30))).hexdigest()
        assert part.read(15) + part.read(15) + part.read(15) == bytes(range(10, 30))
        assert sum(counted) == 20
        part.take_back()
        assert sum(counted) == 0
        assert part.read() == part.whole() == bytes(range(10, 30))


def test_a_file_that_becomes_shorter_is_not_sent_as_if_it_were_whole(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(bytes(100))
    with file.open("rb") as opened:
        part = Slice(opened.fileno(), 0, 100, lambda _: None)
        part.read(50)
        os.truncate(file, 50)

        with pytest.raises(OSError, match="shorter"):
            part.read(50)
