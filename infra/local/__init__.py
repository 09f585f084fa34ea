"""The cloud on a laptop: stand-ins that speak the real services' wire protocols."""

import os

# gRPC would log each start of a process that gets no look at gRPC's threads. The functions process needs none.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
