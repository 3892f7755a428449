"""``python -m gradcmp``: the same as the ``gradcmp`` command."""

import sys

from gradcmp.cli import main

sys.exit(main())
