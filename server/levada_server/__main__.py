"""`python -m levada_server`."""

import sys

from levada_server.cli import main

sys.exit(main())
