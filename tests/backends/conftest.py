"""Every adapter in every mode, and cases worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ways import SLOW, Way

from gradcmp.backends import Backend, backend_class
from gradcmp.backends.registry import BUILT_IN

MODES = [(name, mode) for name in BUILT_IN for mode in backend_class(name).modes]


@pytest.fixture(params=[one for one in MODES if one not in SLOW])
def way(request: pytest.FixtureRequest, adapter: Callable[[str], Backend]) -> Way:
    name, mode = request.param
    return Way(adapter(name), mode)
