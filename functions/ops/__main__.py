"""``python -m functions.ops``."""

from functions.ops.cli import app

if __name__ == "__main__":
    app(prog_name="python -m functions.ops")
