"""What is asked of a port: does it agree, who is wrong, where does it begin?"""

import gradcmp
from gradcmp.report.screen.plain import Screen


def compared(functions, inputs, against, layouts="off", **options):
    """Compare functions, whichever framework they name.

    Layouts take seconds for each function in torch: a test asks for them where all is to agree.
    """
    asked = {"against": against, "layouts": layouts, **options}
    return gradcmp.compare_functions(functions, inputs, **asked)


def shown(verdict):
    """Return what the screen shows: the message of an assertion."""
    return Screen().of_case(verdict)


def disagreeing(verdict, *labels):
    """Return the names that disagree in pairs of these functions."""
    return {
        name
        for pair, by in verdict.comparisons.items()
        if not labels or {pair.actual, pair.expected} & {*labels}
        for name, one in by.items()
        if not one.agrees
    }


def origins(verdict):
    """Return where pairs first part."""
    return {one.origin for by in verdict.divergences.values() for one in by.values()}


def blamed(verdict):
    """Return the sides that are said to be wrong."""
    sides = {one.side for by in verdict.findings.values() for one in by.values()}
    return {side for side in sides if side}
