"""The full vocabulary of CLIP's tokenizer, from the file inside the ``open_clip_torch`` wheel."""

import gzip
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transformers import CLIPTokenizer

MERGES = 49152 - 256 - 2


@cache
def full_clip() -> Any:
    """OpenAI's tokenizer: 49,408 tokens, begin 49406, end and padding 49407, 77 at once.

    Raises ImportError where the wheel is not installed; open_clip itself is never imported.
    """
    found = find_spec("open_clip")
    if found is None or found.origin is None:
        raise ImportError("pip install --no-deps open_clip_torch")
    packed = (Path(found.origin).parent / "bpe_simple_vocab_16e6.txt.gz").read_bytes()
    lines = gzip.decompress(packed).decode("utf-8").split("\n")[1 : MERGES + 1]
    merges = [(left, right) for left, _, right in (line.partition(" ") for line in lines)]
    letters = _letters()
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(m) for m in merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    made = CLIPTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=merges)
    made.model_max_length = 77
    return made


def _letters() -> list[str]:
    """Every byte as a character that prints: itself, or one from 256 on, in GPT-2's order."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)]
    plain += range(ord("®"), ord("ÿ") + 1)
    rest = [byte for byte in range(256) if byte not in plain]
    return [chr(byte) for byte in plain] + [chr(256 + place) for place in range(len(rest))]
