"""Read any file of arrays: in this process where NumPy alone does, else in another one."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from gradcmp.errors import GradcmpError, Location, RecordingError
from gradcmp.formats.csv import read_csv
from gradcmp.formats.kinds import Format, format_of
from gradcmp.formats.library import SERVE, Library
from gradcmp.recording import Array, Recording
from gradcmp.recording.files import NAMELESS, require_regular
from gradcmp.recording.files import read as read_recording

SECONDS = 600.0  # for one file, with the time that its library takes to load


class Reader:
    """Reads files of any format; a library that they need is loaded once.

    Use it as a context manager: on the way out no process is left.

    Parameters
    ----------
    seconds : float
        How long one file may take that NumPy alone does not read.
    serve : str
        The module that a process which loads a library runs.
    """

    def __init__(self, seconds: float = SECONDS, serve: str = SERVE) -> None:
        self._seconds = seconds
        self._serve = serve
        self._libraries: dict[Format, Library] = {}

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for library in self._libraries.values():
            library.close()

    def read(self, file: Path) -> Recording:
        """Read a recording, or arrays, which have neither case nor backend.

        Raises
        ------
        RecordingError
            When the file is not one that can be read, is not complete, or contains no array.
        AbsentError
            When the library that reads it is not installed.
        """
        require_regular(file)
        try:
            arrays = self._arrays(file)
        except OSError as error:
            raise RecordingError(f"'{file}' cannot be read: {error.strerror}") from None
        except GradcmpError as error:
            raise error.at(Location(str(file))) from None
        if arrays is None:
            return read_recording(file)
        if not arrays:
            raise RecordingError("it contains no array", where=Location(str(file)))
        return Recording("", "", arrays, {})

    def _arrays(self, file: Path) -> dict[str, Array] | None:
        """Return the arrays of a foreign file; None for what is read as recordings are."""
        if not file.stat().st_size:
            raise RecordingError("it is empty")
        form = format_of(file)
        if form == "own":
            return None
        if form == "csv":
            return {NAMELESS: read_csv(file)}
        if form not in self._libraries:
            self._libraries[form] = Library(form, self._serve)
        return self._libraries[form].read(file, self._seconds)
