"""`python -m glyphfront` is the command line."""

import sys

from glyphfront.cli import main

sys.exit(main())
