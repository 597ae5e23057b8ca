"""TLS for servers of tests: a certificate that nobody trusts unasked, and a way in front of a plain server."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def write_certificate(path: Path) -> Path:
    """Write a self-signed certificate for 127.0.0.1 and its key into one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.timezone.utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    path.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


def server_context(certificate: Path) -> ssl.SSLContext:
    """Return the context of a server with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@contextmanager
def tls_in_front_of(host: str, port: int, certificate: Path) -> Iterator[int]:
    """Accept TLS on a free loopback port, and pass on what comes to a server that knows only plain HTTP."""
    context = server_context(certificate)
    listener = socket.create_server(("127.0.0.1", 0))
    opened: list[socket.socket] = [listener]
    threads: list[threading.Thread] = []

    def start(function, *args) -> None:
        thread = threading.Thread(target=function, args=args, name="tls", daemon=True)
        threads.append(thread)
        thread.start()

    def carry(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(65536):
                target.sendall(chunk)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def meet(client: socket.socket) -> None:
        with suppress(OSError):  # a client that does not trust us, or does not speak TLS
            inside = context.wrap_socket(client, server_side=True)
            opened.append(inside)
            outside = socket.create_connection((host, port))
            opened.append(outside)
            start(carry, outside, inside)
            carry(inside, outside)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                opened.append(client)
                start(meet, client)

    start(accept)
    try:
        yield listener.getsockname()[1]
    finally:
        for one in opened.copy():
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in threads.copy():
            thread.join(10)
