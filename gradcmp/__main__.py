"""``python -m gradcmp``: the same as the ``gradcmp`` command."""

import sys


def main() -> int:
    """Run the command line; an interruption that comes before it has been imported is one, too."""
    try:
        from gradcmp.cli import main as command

        return command()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]  # the current directory, whose modules are none of ours
    sys.exit(main())
