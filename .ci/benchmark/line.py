"""A line with a rate and a delay, for tools on one end and registries on the other.

The line is two network interfaces, one in the namespace of the tools and one in a namespace of its own. The kernel limits
the rate at which packets leave each of them, and a process carries the packets from one to the other, half of the round trip
later. So connections take a round trip to open, start slowly, and share the rate; a program that sends waits until the line
is free, and no packet is lost. Packets are as large as the kernel's own, up to 64 KiB, so that a process in Python keeps up
with 1 Gbit/s.

Run as a program, this module is that process: `line.py MBIT MS`. Nothing here knows tools or registries.
"""

import collections
import contextlib
import ctypes
import fcntl
import os
import select
import struct
import subprocess
import sys
import time
from pathlib import Path

NEAR, FAR = "10.77.0.1", "10.77.0.2"

# From linux/if_tun.h and linux/sched.h.
TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4 = 0x01, 0x02
CLONE_NEWNET = 0x40000000

# What the kernel puts before each packet: how it may be divided.
HEADER = 10
LARGEST = HEADER + 65536
# More packets than connections can have on the way: the interface drops those that do not fit.
QUEUE = 10000
# Seconds that reading a packet, waking up in time and writing it take, which are a part of the delay.
CARRYING = 1.3e-4

# The limit of the rate passes one packet at once. It counts headers, which the rate of a line here does not: of 1,500 bytes
# of a packet, 1,448 are the connection's.
BURST, LIMIT = 100_000, 64_000_000
HEADERS = 1500 / 1448

# The same on every machine: the congestion control that every kernel has, Linux's own limits of windows, and no memory of
# earlier connections.
KERNEL = {
    "tcp_congestion_control": "reno",
    "tcp_rmem": "4096 131072 6291456",
    "tcp_wmem": "4096 16384 4194304",
    "tcp_no_metrics_save": "1",
}


def end(address, other, rate):
    """Makes one end of the line in the current namespace, and returns its file."""
    for name, value in KERNEL.items():
        Path("/proc/sys/net/ipv4", name).write_text(value)
    file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH22x", b"line", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR))
    fcntl.ioctl(file, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4)
    for command in [
        f"ip address add {address} peer {other} dev line",
        f"tc qdisc add dev line root tbf rate {rate * HEADERS:.0f}bit burst {BURST} limit {LIMIT}",
        f"ip link set line txqueuelen {QUEUE} up",
        "ip link set lo up",
    ]:
        subprocess.run(command.split(), check=True)
    return file


class Direction:
    """The packets that are on the way from one end to the other, each with the time when it arrives."""

    def __init__(self, source, target, delay):
        self.source, self.target, self.delay = source, target, delay
        self.packets = collections.deque()

    def take(self):
        """Takes the packets that were sent."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.packets.append((os.read(self.source, LARGEST), time.monotonic() + self.delay))

    def deliver(self):
        """Delivers the packets whose time has come; returns the seconds until the next."""
        while self.packets:
            packet, arrival = self.packets[0]
            if (wait := arrival - time.monotonic()) > 0:
                return wait
            os.write(self.target, packet)
            self.packets.popleft()
        return None


def carry(rate, delay):
    """Carries packets until standard input ends: `rate` in bits a second, `delay` in seconds for each direction."""
    # Before all other processes: a line does not wait for a processor.
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    near = end(NEAR, FAR, rate)
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "cannot make a network namespace")
    far = end(FAR, NEAR, rate)
    directions = {near: Direction(near, far, delay), far: Direction(far, near, delay)}
    print("ready", flush=True)
    while True:
        waits = [wait for it in directions.values() if (wait := it.deliver()) is not None]
        ready = select.select([sys.stdin, *directions], [], [], min(waits, default=None))[0]
        if sys.stdin in ready:
            return
        for file in ready:
            directions[file].take()


class Line:
    """A context manager: a line of `rate` Mbit/s and `delay` ms of round trip between this namespace and its own."""

    host = FAR

    def __init__(self, rate, delay):
        self.rate, self.delay = rate, delay

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(self.rate), str(self.delay)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        if self.process.stdout.readline() != "ready\n":
            sys.exit(".ci/bench: the line does not start")
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def far(self, command):
        """A command that runs on the other end."""
        return ["nsenter", f"--net=/proc/{self.process.pid}/ns/net", *command]


if __name__ == "__main__":
    carry(float(sys.argv[1]) * 1e6, float(sys.argv[2]) / 2e3 - CARRYING)
