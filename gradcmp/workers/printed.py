"""What a process printed: the first of it and the last, however much it was."""

from __future__ import annotations

from gradcmp.system import Output

HEAD = 1024  # bytes of the beginning that are kept
TAIL = 4096  # bytes of the end
ENOUGH = 1 << 26  # bytes for one request: no log is as long, and to read on would take a core
LOOK = 1 << 20  # bytes that are read before others are looked at


class Printed:
    """The beginning and the end of what comes out of a pipe."""

    def __init__(self, output: Output, limit: int = ENOUGH) -> None:
        self.output = output
        self.limit = limit
        self._head = self._tail = b""
        self._count = 0

    @property
    def too_much(self) -> bool:
        """Whether it is more than any log."""
        return self._count > self.limit

    def read(self) -> bool:
        """Take what is there; returns whether more may come."""
        for _ in range(0, LOOK, 1 << 16):
            chunk = self.output.read()
            if chunk is None:
                return True
            if not chunk:
                return False
            self._count += len(chunk)
            if len(self._head) < HEAD:
                taken = HEAD - len(self._head)
                self._head += chunk[:taken]
                chunk = chunk[taken:]
            self._tail = (self._tail + chunk)[-TAIL:]
        return True

    def forget(self) -> None:
        """Begin anew: what was printed belongs to a request that has its answer."""
        self._head = self._tail = b""
        self._count = 0

    def text(self) -> str:
        """Return what is kept, with a line for what is left out between."""
        lost = self._count - len(self._head) - len(self._tail)
        gap = f"\n[{lost} bytes left out]\n".encode() if lost else b""
        text = self._head + gap + self._tail
        return text.decode(errors="replace").strip()
