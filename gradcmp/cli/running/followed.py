"""The files that a case is made of besides its config: data, and the code that it names."""

from __future__ import annotations

from gradcmp.case import Case
from gradcmp.inputs import KINDS
from gradcmp.keys import Reach
from gradcmp.native.text.sources import files_of


def data_files(case: Case) -> tuple[str, ...]:
    """Name the files that the inputs of a case come from."""
    return tuple(
        str(value)
        for spec in case.inputs.values()
        for name, value in spec.parameters.items()
        if KINDS[spec.kind].reaches.get(name) is Reach.FILE
    )


def code_files(case: Case) -> tuple[str, ...]:
    """Name the files of its functions, and those that they import from beside them."""
    found = (file for spec in case.code.values() for file in files_of(spec.source))
    return tuple(dict.fromkeys(found))


def followed(case: Case) -> tuple[str, ...]:
    """Name all of them."""
    return (*data_files(case), *code_files(case))
