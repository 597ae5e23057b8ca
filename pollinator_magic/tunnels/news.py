"""What users are told of a tunnel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TunnelNews:
    """How it is with the tunnel now; the next one replaces it."""

    text: str
    """One line, such as "waiting for port 8888 of n1"; of a tunnel that is given up, why, and what can be done."""
    link: str = ""
    """Where the port is on this machine, if it is there; `text` goes on from it."""
    given_up: bool = False
    """Whether there will be no tunnel."""

    @property
    def line(self) -> str:
        """All of it as text."""
        return f"{self.link} {self.text}" if self.link else self.text


def local_link(port: int) -> str:
    """Return the address of a port of this machine, for a browser on it."""
    return f"http://127.0.0.1:{port}/"
