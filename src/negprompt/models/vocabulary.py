"""CLIP's vocabulary → the tokenizers of a single file, which has none inside.

It is not shipped: it is another project's data. The folder given with ``--config`` may hold it, and
so does the package open_clip_torch, whose list of merges is read as a file, without running it.
"""

import gzip
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from negprompt.errors import ModelError

_MERGES: Final = 49152 - 256 - 2
"""Merges that CLIP has; the list holds more."""


def tokenizer(folder: Path, part: str) -> Any:
    """The tokenizer ``part`` of a folder of configurations, or else CLIP's own.

    Raises ModelError ``vocabulary-missing`` where neither is there.
    """
    from transformers import CLIPTokenizer

    if (folder / part).is_dir():
        return CLIPTokenizer.from_pretrained(folder / part)
    pad = "<|endoftext|>" if _of_openai(folder, part) else "!"
    vocabulary, merges = _clip()
    return CLIPTokenizer(vocab=vocabulary, merges=merges, pad_token=pad, model_max_length=77)


def _of_openai(folder: Path, part: str) -> bool:
    """Whether the encoder is OpenAI's; those of OpenCLIP are padded with token 0."""
    config = folder / part.replace("tokenizer", "text_encoder") / "config.json"
    return "quick_gelu" in config.read_text("utf-8")


def _clip() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Tokens in CLIP's order, which are bytes, bytes that end a word, merges, and the two marks."""
    from tokenizers.pre_tokenizers import ByteLevel

    found = find_spec("open_clip")
    folder = Path(*(found.submodule_search_locations or ())) if found else Path()
    file = folder / "bpe_simple_vocab_16e6.txt.gz"
    if found is None or not file.is_file():
        raise ModelError(
            "a single file holds no vocabulary, and CLIP's is not on this machine",
            code="vocabulary-missing",
            cure="install open_clip_torch (with --no-deps is enough), or give --config with the "
            "folder of a diffusers model of this family: its tokenizer is read",
        )
    lines = gzip.decompress(file.read_bytes()).decode("utf-8").split("\n")[1 : _MERGES + 1]
    merges = [(left, right) for left, right in (line.split() for line in lines)]
    letters = sorted(ByteLevel.alphabet())  # bytes that print are themselves, the others above 255
    tokens = [*letters, *(f"{c}</w>" for c in letters), *(a + b for a, b in merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return {token: number for number, token in enumerate(tokens)}, merges
