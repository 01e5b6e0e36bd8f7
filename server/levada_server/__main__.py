"""`python -m levada_server`."""

import os
import sys

# The server starts PostgreSQL's programs and never forks itself; gRPC's fork handlers only fill the log.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

from levada_server.cli import main

sys.exit(main())
