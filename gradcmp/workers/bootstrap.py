"""The first lines that a process runs, in whatever interpreter: find gradcmp, then serve.

Run as a script: ``python bootstrap.py MODULE ARGUMENT... CHANNEL``. It loads the package from where
this file lies without putting that folder's neighbours (the parent's site-packages) on the path,
and calls the ``serve`` of the module. Any Python from 3.6 on must be able to read it, so that an
old one can be told to be too old.
"""

import json
import struct
import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

OLDEST = (3, 10)
NEEDS = ("numpy", "ml_dtypes", "safetensors")
PACKAGE = Path(__file__).resolve().parent.parent


def main() -> None:
    """Serve until the parent hangs up."""
    own = Path(__file__).resolve().parent  # Python puts it first, where its names hide others
    sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != own]
    module, *arguments, word = sys.argv[1:]
    system = load("gradcmp_system", PACKAGE / "system.py")
    channel = system.adopt(word)
    lifeline = system.end_with_parent()
    lack = lacking()
    if lack:
        message = f"interpreter '{sys.executable}' {lack}"
        facts = {"word": "unable", "kind": "absent", "message": message}
        content = json.dumps(facts).encode()
        channel.sendall(struct.pack("<QI", len(content), 0) + content)
    else:
        load("gradcmp", PACKAGE / "__init__.py", str(PACKAGE))
        import_module(module).serve(channel, *arguments)
    lifeline.join()


def lacking(oldest: "tuple[int, int]" = OLDEST) -> str:
    """Describe what this interpreter lacks to serve; empty if it can."""
    if sys.version_info < oldest:
        version, needed = (".".join(map(str, v)) for v in (sys.version_info[:2], oldest))
        return f"is Python {version}, and gradcmp needs {needed} or newer"
    names = [name for name in NEEDS if find_spec(name) is None]
    if not names:
        return ""
    return f"lacks {', '.join(names)}. Try: {sys.executable} -m pip install {' '.join(names)}"


def load(name: str, file: Path, *folders: str) -> Any:
    """Import a file under a name: no folder has to be on the path for it."""
    spec = spec_from_file_location(
        name, str(file), submodule_search_locations=list(folders) or None
    )
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
