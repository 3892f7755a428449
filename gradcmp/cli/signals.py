"""The signals that end a run: what is finished is written before it does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from gradcmp.errors import ExitCode
from gradcmp.system import ENDING, signal_again

PAUSE = 0.02  # seconds until a signal that came amid an import is looked at again
PATIENCE = 500  # looks: an import that takes longer is interrupted all the same
IMPORT = "<frozen importlib._bootstrap>"


class EndedError(KeyboardInterrupt):
    """A signal that ends the run as Ctrl-C does, with another exit code."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = ExitCode(128 + number)


@contextmanager
def heeded() -> Iterator[None]:
    """Raise inside of it what Ctrl-C and a wish to terminate mean; one that is ignored stays so.

    Never amid an import: NumPy, half imported, is none, and the reports need it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDING)}
    looks = 0
    late: dict[int, threading.Timer] = {}  # by signal: what will send it again

    def heed(number: int, frame: FrameType | None) -> None:
        nonlocal looks
        looks += 1
        late.pop(number, None)
        if amid_import(frame) and looks < PATIENCE:
            again = late[number] = threading.Timer(PAUSE, signal_again, (number,))
            again.daemon = True
            again.start()
            return
        end(number)

    def end(number: int) -> None:
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        for one in ENDING:
            signal.signal(one, signal.SIG_IGN)  # once is enough: what is finished is being written
        raise EndedError(number)

    own = {
        number: heed
        for number, handler in handlers.items()
        if handler in (signal.SIG_DFL, signal.default_int_handler)
    }
    for number, handler in own.items():
        signal.signal(number, handler)
    try:
        yield
        for number, again in [*late.items()]:  # amid the last import of all
            again.cancel()
            end(number)
    finally:
        try:
            for again in [*late.values()]:
                again.cancel()
                again.join()  # what it sends must find the handlers of this place
        finally:
            for number in own:
                signal.signal(number, handlers[number])


def amid_import(frame: FrameType | None) -> bool:
    """Whether a module is being imported."""
    while frame is not None:
        if frame.f_code.co_filename == IMPORT:
            return True
        frame = frame.f_back
    return False


def exit_code_of(error: BaseException) -> ExitCode:
    """Return the exit code of a run that was ended; click wraps what ended it."""
    cause = error if isinstance(error, EndedError) else error.__cause__
    return cause.exit_code if isinstance(cause, EndedError) else ExitCode.INTERRUPTED
