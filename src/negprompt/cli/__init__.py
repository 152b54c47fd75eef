"""The command ``negprompt``: thin shells over the engine and the measures, one file a command."""

# Each registers its command.
from negprompt.cli import bench, compare, demo, explain, generate, words  # noqa: F401
from negprompt.cli.shell import app, main

__all__ = ["app", "main"]
