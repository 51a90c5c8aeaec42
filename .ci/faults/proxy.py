"""A proxy between limg and a registry that breaks connections."""

import socket
import threading


class Proxy:
    """A context manager: each connection has the next fault of the plan, later ones have none.

    A fault happens after so many bytes of the direction that it is about: `reset`, `close`
    and `garbage` from the registry, `lost` on the way to it. `unavailable` answers the
    first request itself.
    """

    FAULTS = ("reset", "close", "garbage", "lost", "unavailable", "refused")

    def __init__(self, target, plan, random):
        host, _, port = target.partition(":")
        self.target, self.plan, self.random = (host, int(port)), list(plan), random
        self.happened, self.ended = 0, False
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.ended = True
        # Closing it does not wake a thread that waits in accept().
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                if self.ended:
                    return
                continue  # the client has given up
            fault, at = self.plan.pop(0) if self.plan else (None, 0)
            threading.Thread(target=self.connect, args=(client, fault, at), daemon=True).start()

    def connect(self, client, fault, at):
        if fault == "refused":
            self.end(client, reset=True)
            return
        if fault == "unavailable":
            self.happened += 1
            client.recv(65536)
            client.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            client.close()
            return
        try:
            server = socket.create_connection(self.target)
        except OSError:
            client.close()
            return
        up = (at, "reset") if fault == "lost" else (None, None)
        down = (at, fault) if fault in ("reset", "close", "garbage") else (None, None)
        for source, sink, (limit, what) in ((client, server, up), (server, client, down)):
            threading.Thread(target=self.pump, args=(source, sink, limit, what), daemon=True).start()

    def pump(self, source, sink, limit, fault):
        passed = 0
        try:
            while data := source.recv(65536):
                if limit is not None and passed + len(data) > limit:
                    sink.sendall(data[: limit - passed])
                    self.happened += 1
                    if fault == "garbage":
                        sink.sendall(self.random.randbytes(len(data) - limit + passed))
                    break
                passed += len(data)
                sink.sendall(data)
            else:
                sink.shutdown(socket.SHUT_WR)
                return
        except OSError:
            pass
        for end in (source, sink):
            self.end(end, reset=fault == "reset")

    def end(self, connection, reset):
        self.happened += reset
        try:
            if reset:  # RST instead of FIN
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.shutdown(socket.SHUT_RDWR) if not reset else None
            connection.close()
        except OSError:
            pass
