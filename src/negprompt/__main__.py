"""``python -m negprompt`` is the command ``negprompt``."""

import sys

from negprompt.cli import main

if __name__ == "__main__":
    sys.exit(main())
