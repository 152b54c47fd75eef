"""Twenty kilobytes of the worst text there is: every dialect answers or refuses at once.

The bound on processor time is far above what linear work needs and far below what quadratic or
exponential work would take.
"""

import time

import pytest

from negprompt.errors import PromptError
from negprompt.language import WRITERS, parse, staged, to_text, translate

LENGTH = 20_000
SECONDS = 20.0

HOSTILE = {
    "letters": "a",
    "words": "blurry, (noise:1.2), ",
    "open": "(",
    "close": ")",
    "groups": "(a:1.5)",
    "quotes": '"\\" ',
    "escapes": "\\(",
    "commas": ",",
    "swaps": "a.swap(",
    "signs": "a+ ",
    "schedules": "[a:b:3]",
    "alternations": "[a|b]",
    "schedules never closed": "[a:",
    "networks never closed": "<a:",
    "parts": "a AND ",
    "comments": "#\n",
    "colons": ":",
    "embeddings": "embedding:x ",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_answers_in_linear_time(name: str) -> None:
    text = (HOSTILE[name] * LENGTH)[:LENGTH]
    begun = time.process_time()
    for dialect in WRITERS:
        try:
            prompt = parse(text, dialect)
        except PromptError:
            continue
        assert parse(to_text(prompt), dialect).nodes == prompt.nodes
    try:
        found = staged(text, 2)
        translate(parse(text), "comfy")
    except PromptError:
        pass
    else:
        assert found.parts[-1].stretches[-1].last == 2
    assert time.process_time() - begun < SECONDS
