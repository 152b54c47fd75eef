"""The command ``negprompt``: thin shells over the engine and the measures, one file a command."""

# Each registers its command.
from negprompt.cli import (  # noqa: F401
    ablate,
    advise,
    bench,
    blind,
    chat,
    compare,
    critique,
    demo,
    diagnose,
    explain,
    explore,
    gate,
    generate,
    history,
    inspect,
    label,
    models,
    parse,
    plan,
    policy,
    policy_files,
    prune,
    tokens,
    translate,
    words,
)
from negprompt.cli.shell import app, main

__all__ = ["app", "main"]
