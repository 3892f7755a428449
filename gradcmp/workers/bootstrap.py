"""The first lines that a worker runs, in whatever interpreter: find gradcmp, then serve.

Run as a script: ``python bootstrap.py DESCRIPTOR NAME DEVICE``. It loads the package from where
this file lies without putting that folder's neighbours (the parent's site-packages) on the path.
Any Python from 3.6 on must be able to read it, so that an old one can be told to be too old.
"""

import json
import os
import signal
import sys
import threading
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from multiprocessing.connection import Connection
from pathlib import Path

OLDEST = (3, 10)
NEEDS = ("numpy", "ml_dtypes", "safetensors")


def main() -> None:
    """Serve one environment until the parent hangs up."""
    own = Path(__file__).resolve().parent  # Python puts it first, where its names hide others
    sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != own]
    descriptor, name, device = sys.argv[1:]
    os.set_inheritable(int(descriptor), False)
    lifeline = threading.Thread(target=die_with_parent, daemon=True)
    lifeline.start()
    # The original stays open to the very end: the parent sees it closed when all is over.
    connection = Connection(os.dup(int(descriptor)))
    lack = lacking()
    if lack:
        message = f"interpreter '{sys.executable}' {lack}"
        facts = {"word": "unable", "kind": "error", "message": message}
        connection.send_bytes(json.dumps(facts).encode())
    else:
        load_package()
        from gradcmp.workers.serve import serve

        serve(connection, name, device)
    lifeline.join()


def die_with_parent() -> None:
    """End the whole process group when the parent is gone, however it went."""
    while os.read(0, 1):  # the parent holds the other end and never writes
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


def lacking(oldest: "tuple[int, int]" = OLDEST) -> str:
    """Describe what this interpreter lacks to serve; empty if it can."""
    if sys.version_info < oldest:
        version, needed = (".".join(map(str, v)) for v in (sys.version_info[:2], oldest))
        return f"is Python {version}, and gradcmp needs {needed} or newer"
    names = [name for name in NEEDS if find_spec(name) is None]
    if not names:
        return ""
    return f"lacks {', '.join(names)}. Try: {sys.executable} -m pip install {' '.join(names)}"


def load_package() -> None:
    """Import gradcmp from the folder above this file's."""
    folder = Path(__file__).resolve().parent.parent
    spec = spec_from_file_location(
        "gradcmp", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules["gradcmp"] = module_from_spec(spec)
    spec.loader.exec_module(package)


if __name__ == "__main__":
    main()
