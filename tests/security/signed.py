"""Signed requests by hand, as somebody would make them who keeps or forges some."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from pollinator_magic.colonies.address import Server
    from pollinator_magic.colonies.keys import PrivateKey


def signed(key: PrivateKey, msgtype: str, **fields: Any) -> bytes:
    """Return a request as another client makes it: it carries only what is given."""
    payload = base64.b64encode(json.dumps({"msgtype": msgtype, **fields}).encode()).decode()
    return json.dumps({"payloadtype": msgtype, "payload": payload, "signature": key.sign(payload)}).encode()


def post(server: Server, body: bytes, **headers: str) -> tuple[int, Any]:
    """Send a request; return the HTTP status and the decoded reply."""
    response = requests.post(f"{server.url}/api", data=body, headers=headers, timeout=30)
    return response.status_code, json.loads(base64.b64decode(response.json()["payload"]))
