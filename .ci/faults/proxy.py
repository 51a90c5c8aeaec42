"""A proxy between limg and a registry that breaks connections."""

import select
import socket
import struct
import threading

# Closes a connection with RST instead of FIN.
RESET = struct.pack("ii", 1, 0)
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Proxy:
    """A context manager: each connection has the next fault of the plan, later ones have none.

    A fault happens after so many bytes in one direction: `reset`, `close` and `garbage` to
    limg, `lost`, which resets the connection too, to the registry. `refused` resets the
    connection at once, and `unavailable` answers the first request itself.
    """

    FAULTS = ("reset", "close", "garbage", "lost", "unavailable", "refused")

    def __init__(self, target, plan, random):
        host, _, port = target.partition(":")
        self.target, self.plan, self.random = (host, int(port)), list(plan), random
        self.happened, self.ended = False, False
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
            threading.Thread(target=self.serve, args=(client, fault, at), daemon=True).start()

    def serve(self, client, fault, at):
        """Serves a connection. All in one thread: while another one waits for data of a
        connection, closing that does not end it."""
        with client:
            try:
                if fault == "refused":
                    self.break_off(client)
                elif fault == "unavailable":
                    client.recv(1 << 16)
                    client.sendall(UNAVAILABLE)
                    self.happened = True
                else:
                    with socket.create_connection(self.target) as server:
                        self.relay(client, server, fault, at)
            except OSError:
                pass  # one of the two has given up

    def relay(self, client, server, fault, at):
        """Passes data on in both directions until both have ended, or the fault happens."""
        sinks = {client: server, server: client}
        faulty, passed = client if fault == "lost" else server, 0
        while sinks:
            for source in select.select(list(sinks), [], [])[0]:
                data = source.recv(1 << 16)
                if not data:
                    sinks.pop(source).shutdown(socket.SHUT_WR)
                    continue
                if fault and source is faulty:
                    if passed + len(data) > at:
                        sinks[source].sendall(data[: at - passed])
                        if fault == "garbage":
                            client.sendall(self.random.randbytes(len(data) - at + passed))
                        self.break_off(*((client, server) if fault in ("reset", "lost") else ()))
                        return
                    passed += len(data)
                sinks[source].sendall(data)

    def break_off(self, *reset):
        """Counts the fault; these connections are reset when they are closed."""
        self.happened = True
        for connection in reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
