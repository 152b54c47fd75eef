"""A plan + the words that a model learned → a notice for every other word."""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from negprompt.errors import Notice
from negprompt.policy.plan import Plan

_WORD: Final = re.compile(r"(?<![^\W_])(?<![^\W_]['’])[^\W_]+")


def unknown(planned: Plan, vocabulary: Collection[str]) -> Iterator[Notice]:
    """One ``term-unknown`` per word and side that the model never saw in training."""
    typed = [a.prompt for negative in planned.negatives for a in negative.stretches]
    asked = [a.prompt for part in planned.parts for a in part.stretches]
    standing = [word for t in planned.standing if not t.is_hidden for word in words_of(t.text)]
    for side, prompts, others in (("prompt", asked, []), ("negative", typed, standing)):
        words = [
            w for p in prompts for s in p.segments() if not s.is_break for w in words_of(s.text)
        ]
        words += others
        for word in dict.fromkeys(words):
            if word not in vocabulary:
                yield Notice(
                    "term-unknown",
                    f"{word!r} in the {side} is no word that this model learned, "
                    "so what it does there is chance; `negprompt words` lists what it knows",
                )


def words_of(text: str) -> Sequence[str]:
    """The words of a text in lower case; the ``s`` of ``cat's`` is none."""
    return [word.lower() for word in _WORD.findall(text)]
