"""`python -m dlsafe_lint` is the command `dlsafe-lint`."""

from __future__ import annotations

import sys

from dlsafe_lint.cli import main

if __name__ == "__main__":
    sys.exit(main())
