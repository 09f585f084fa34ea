"""``python -m functions.ops``."""

from functions.ops.cli import app

app(prog_name="python -m functions.ops")
