"""Run `python dev.py --help`: it sets everything up by itself and needs nothing but Python."""

import sys

# This file must be readable for old Pythons, so that they can say what is wrong.
if sys.version_info < (3, 11):
    sys.exit("This project needs Python 3.11 or newer; this is Python %d.%d." % sys.version_info[:2])

from devtools.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
