"""What a real Colonies server was heard to say; see tests/vectors/README.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[2] / "vectors"
CRYPTO: dict[str, Any] = json.loads((VECTORS / "crypto.json").read_text())


@dataclass(frozen=True)
class Recording:
    group: str
    case: str
    message: dict[str, Any]
    """The request that was sent, with its msgtype."""
    identity: str
    status: int
    body: bytes
    reply: Any
    """The decoded reply; None also stands for JSON null."""

    def __str__(self) -> str:
        return f"{self.group}/{self.case}"


def _read(path: Path) -> list[Recording]:
    found = []
    for case in json.loads(path.read_text())["cases"]:
        message = (case.get("request_envelope_decoded") or {}).get("payload")
        if not isinstance(message, dict) or case.get("http_status") is None:
            continue
        body = case["reply_body"] if "reply_body" in case else json.dumps(case["reply_envelope"])
        found.append(
            Recording(
                path.stem,
                case["case"],
                message,
                case.get("caller_id") or "0" * 64,
                case["http_status"],
                body.encode(),
                case.get("reply_decoded"),
            )
        )
    return found


ALL = {str(recording): recording for path in sorted((VECTORS / "rpc").glob("*.json")) for recording in _read(path)}
"""Every recorded exchange with a well-formed request, by "group/case"."""


def frames(case: str) -> list[str]:
    """Return the websocket frames of a recorded subscription, as they were received."""
    for recorded in json.loads((VECTORS / "rpc" / "websocket.json").read_text())["cases"]:
        if recorded["case"] == case:
            return [json.dumps(frame["frame"]) for frame in recorded["frames"]]
    raise KeyError(case)
