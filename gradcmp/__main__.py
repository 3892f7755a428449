"""``python -m gradcmp``: the same as the ``gradcmp`` command."""

import sys

if not getattr(sys.flags, "safe_path", False):
    del sys.path[0]  # the current directory, whose modules are none of ours

from gradcmp.cli import main

sys.exit(main())
