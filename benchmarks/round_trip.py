"""A warm round trip of the seed case against the same computation in its worker alone.

    python benchmarks/round_trip.py [TRIPS]

The overhead is what parent → worker → parent takes beyond the worker's own time for values and
gradients: packing, two hand-overs between processes, unpacking. The peer is the bare hand-over,
a frame of the same size there and back between two processes that do nothing with it.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from multiprocessing.connection import Connection
from statistics import median

from gradcmp import seed_case
from gradcmp.plan import check
from gradcmp.recording import Recording, to_bytes
from gradcmp.workers import Pool, Request


def seed_requests() -> list[Request]:
    plan = check(seed_case())
    return plan.requests(plan.draw())


def handing_over(size: int, trips: int) -> list[float]:
    ours, theirs = socket.socketpair()
    connection, other = Connection(ours.detach()), Connection(theirs.detach())
    if os.fork() == 0:
        connection.close()
        for _ in range(trips):
            other.send_bytes(other.recv_bytes())
        os._exit(0)
    blob = bytes(size)
    times = []
    for _ in range(trips):
        start = time.perf_counter()
        connection.send_bytes(blob)
        connection.recv_bytes()
        times.append(time.perf_counter() - start)
    os.wait()
    return times


def main() -> None:
    trips = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    print(f"medians of {trips} trips, ms\n{'':24} trip   computing   overhead   bare hand-over")
    with Pool() as pool:
        for request in seed_requests():
            ((_, first),) = pool.run([request])
            if not isinstance(first, Recording):
                print(f"{request.label:20} {first.message}")
                continue
            size = len(to_bytes(first))
            whole, computing = [], []
            for _ in range(trips):
                start = time.perf_counter()
                ((_, recording),) = pool.run([request])
                whole.append(time.perf_counter() - start)
                computing.append(recording.timings["total"])
            overhead = median(w - c for w, c in zip(whole, computing, strict=True))
            columns = (
                median(whole),
                median(computing),
                overhead,
                median(handing_over(size, trips)),
            )
            print(f"{request.label:20}" + "".join(f"{1e3 * column:9.3f}" for column in columns))


if __name__ == "__main__":
    main()
