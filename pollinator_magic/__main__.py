"""`python -m pollinator_magic SUBCOMMAND …`."""

import sys

from pollinator_magic.cli import main

if __name__ == "__main__":
    sys.exit(main())
