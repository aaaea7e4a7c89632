"""`glyphfront`, and `python -m glyphfront`: the command line, in which Ctrl-C counts from the first import on."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line, see `glyphfront.cli.main`; returns the exit status."""
    try:
        from glyphfront.cli import main as run

        return run()
    except KeyboardInterrupt:  # before the command line could be read, or with --debug
        if "--debug" in sys.argv:
            raise
        print("glyphfront: interrupted; give the same command again", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
