"""Measures the rate and the round trip of a line with plain connections.

Run as a program, this module is the other end, a server of plain connections: `plain.py HOST`.
"""

import contextlib
import socket
import statistics
import subprocess
import sys
import threading
import time

PORT = 9000
QUESTIONS = 30
CONNECTIONS = 8
# Only the second half is counted: connections start slowly.
SECONDS = 2
BLOCK = bytes(1 << 18)

# The first byte of a connection: it sends blocks, receives blocks, or asks how many bytes were received so far.
UP, DOWN, COUNT = b"u", b"d", b"c"


def answer(connection, received):
    with contextlib.suppress(OSError), connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        what = connection.recv(1)
        while what == DOWN:
            connection.sendall(BLOCK)
        while block := connection.recv(len(BLOCK)):
            if what == COUNT:
                connection.sendall(sum(received.values()).to_bytes(8, "big"))
            else:
                received[connection] = received.get(connection, 0) + len(block)


def serve(host):
    received = {}
    with socket.create_server((host, PORT), backlog=CONNECTIONS) as server:
        print("ready", flush=True)
        while True:
            threading.Thread(target=answer, args=(server.accept()[0], received), daemon=True).start()


def connect(host, what):
    connection = socket.create_connection((host, PORT))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(what)
    return connection


def seconds(question):
    """The median time of a question."""
    found = []
    for _ in range(QUESTIONS):
        begin = time.perf_counter()
        question()
        found.append(time.perf_counter() - begin)
    return statistics.median(found)


def count(connection):
    connection.sendall(b"?")
    return int.from_bytes(connection.recv(8), "big")


def rate(host, what, counter):
    """Bytes a second that arrive, of connections that share the line."""
    connections = [connect(host, what) for _ in range(CONNECTIONS)]
    moved = [0] * CONNECTIONS

    def move(number):
        connection, buffer = connections[number], bytearray(BLOCK)
        with contextlib.suppress(OSError):
            while size := connection.send(BLOCK) if what == UP else connection.recv_into(buffer):
                moved[number] += size

    def arrived():
        return time.perf_counter(), count(counter) if what == UP else sum(moved)

    movers = [threading.Thread(target=move, args=(number,)) for number in range(CONNECTIONS)]
    for mover in movers:
        mover.start()
    time.sleep(SECONDS / 2)
    begin, before = arrived()
    time.sleep(SECONDS / 2)
    end, after = arrived()
    for connection in connections:
        connection.shutdown(socket.SHUT_RDWR)
    for mover, connection in zip(movers, connections):
        mover.join()
        connection.close()
    return (after - before) / (end - begin)


def measure(line):
    """What a line is: ms to open a connection and of a round trip, and Mbit/s in each direction."""
    server = subprocess.Popen(
        line.far([sys.executable, __file__, line.host]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    try:
        if server.stdout.readline() != "ready\n":
            sys.exit(".ci/bench: the server at the end of the line does not start")
        opening = seconds(lambda: connect(line.host, UP).close())
        with connect(line.host, COUNT) as counter:
            round_trip = seconds(lambda: count(counter))
            up, down = (rate(line.host, what, counter) * 8 / 1e6 for what in (UP, DOWN))
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()
    return {"opening": opening * 1e3, "round_trip": round_trip * 1e3, "up": up, "down": down}


if __name__ == "__main__":
    serve(sys.argv[1])
