"""A TCP proxy that carries requests to a server and, when told, loses one of them or the reply to it."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class BreakingProxy:
    """Forwards connections; `lose` and `lose_reply_to` name text of a request that is lost, or its reply, once."""

    def __init__(self, host, port) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.lose = None
        self.lose_reply_to = None
        self.only_if = b""
        self.lost = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client) -> None:
        try:
            server = socket.create_connection(self._target)
        except OSError:
            client.close()
            return
        doomed = threading.Event()
        back = threading.Thread(target=self._back, args=(server, client, doomed), daemon=True)
        back.start()
        with suppress(OSError):
            while data := client.recv(65536):
                if self.lose and self.lose in data:
                    self.lose = None
                    self.lost.set()
                    client.shutdown(socket.SHUT_RDWR)
                    break
                if self.lose_reply_to and self.lose_reply_to in data:
                    doomed.set()
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
        back.join()
        client.close()
        server.close()

    def _back(self, server, client, doomed) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if doomed.is_set() and self.lose_reply_to and self.only_if in data:
                    self.lose_reply_to = None
                    self.lost.set()
                    break
                client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
