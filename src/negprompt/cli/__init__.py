"""The command ``negprompt``: thin shells over the engine and the measures, one file a command."""

# Each registers its command.
from negprompt.cli import (  # noqa: F401
    ablate,
    bench,
    blind,
    compare,
    demo,
    explain,
    explore,
    gate,
    generate,
    label,
    models,
    parse,
    policy,
    prune,
    tokens,
    translate,
    words,
)
from negprompt.cli.shell import app, main

__all__ = ["app", "main"]
