"""Run ``python -m agr``."""

from agr.cli import app

if __name__ == "__main__":
    app(prog_name="agr")
