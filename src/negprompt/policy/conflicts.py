"""A prompt + standing terms → which of them the prompt asks for, and what becomes of both.

The rule: a prompt beats default and always layers, whose term is left out; an enforced layer beats
the prompt.  ``on_positive`` of a layer may be stricter: ``strip`` takes the words out of the
prompt, ``refuse`` refuses the request.

Words are compared as they look (``lookalikes``), with their synonyms (``concepts``); meaning is
not.  A prompt may still describe a thing without naming it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from negprompt.errors import Notice, PromptError, Span, shown
from negprompt.language import Prompt, StagedPart
from negprompt.policy.concepts import words_for
from negprompt.policy.lookalikes import Seen, key, seen
from negprompt.policy.merge import StandingTerm


@dataclass(frozen=True, slots=True)
class Asked:
    """A standing term that the prompt asks for, and where: letter by letter in its source."""

    term: StandingTerm
    letters: tuple[Span, ...]

    def words(self, source: str) -> str:
        """Return the user's own words for it; of a hidden term not even these, they would tell."""
        if self.term.is_hidden:
            return "something"
        return shown(source[self.letters[0].start : self.letters[-1].stop])


@dataclass(frozen=True, slots=True)
class Settled:
    """What is left to do: terms that act, a prompt with words taken out, what there is to say."""

    terms: tuple[StandingTerm, ...]
    positive: str
    notices: tuple[Notice, ...]


def asked_for(parts: Sequence[StagedPart], terms: Sequence[StandingTerm]) -> tuple[Asked, ...]:
    """Return each standing term that the prompt names at some step, however it is spelled.

    A part that steers away (weight below 0) asks for nothing.
    """
    said = {a.prompt: 0 for part in parts if part.weight >= 0 for a in part.stretches}
    texts = [_Text.of(prompt) for prompt in said] if terms else []
    found: list[Asked] = []
    for term in terms:
        letters = [span for text in texts for span in text.find(term.text)]
        if letters:
            found.append(Asked(term, tuple(dict.fromkeys(letters))))
    return tuple(found)


def settle(
    positive: str, asked: Sequence[Asked], terms: Sequence[StandingTerm], *, again: bool = False
) -> Settled:
    """Return what the rule above makes of a prompt and the terms it asks for.

    With ``again`` the prompt was stripped once already, and what it still asks for is refused.
    Notices: ``policy-gives-way``, ``prompt-stripped``, ``prompt-against-policy``.  Raises
    PromptError ``policy-forbids``.
    """
    yielding: set[StandingTerm] = set()
    taken: list[Span] = []
    notices: list[Notice] = []
    for one in asked:
        term, words = one.term, one.words(positive)
        layers = " + ".join(term.origins)
        if term.on_positive == "refuse" or (again and term.on_positive == "strip"):
            raise _forbidden(positive, one)
        if term.on_positive == "strip":
            taken += one.letters
            said = f"the policy {layers} took {words} out of the prompt"
            notices.append(Notice("prompt-stripped", said))
        elif term.is_enforced:
            said = f"the prompt asks for {words}, which {layers} steers away from all the same"
            notices.append(Notice("prompt-against-policy", said))
        else:
            yielding.add(term)
            said = f"the prompt asks for {words}, so {layers} gives way and leaves it out"
            notices.append(Notice("policy-gives-way", said))
    left = tuple(term for term in terms if term not in yielding)
    return Settled(left, _without(positive, taken), tuple(notices))


@dataclass(frozen=True, slots=True)
class _Text:
    """All that a prompt says, as it looks, and where each letter stands in the source."""

    seen: Seen
    spans: tuple[Span, ...]

    @classmethod
    def of(cls, prompt: Prompt) -> "_Text":
        text: list[str] = []
        spans: list[Span] = []
        for segment in prompt.segments():
            said = " " if segment.is_break else segment.text
            text.append(said)
            spans += [segment.locate(i, i + 1) for i in range(len(said))]
        found = seen("".join(text))
        return cls(found, tuple(spans[place] for place in found.places))

    def find(self, term: str) -> Iterator[Span]:
        """Yield every letter with which a term or its like is named, from word to word."""
        wanted = {key(word).replace(" ", "") for word in words_for(term)}
        for word in wanted | {word + "s" for word in wanted}:
            start = self.seen.letters.find(word)
            while start >= 0:
                stop = start + len(word)
                if start in self.seen.starts and stop in self.seen.starts:
                    yield from self.spans[start:stop]
                start = self.seen.letters.find(word, start + 1)


def _forbidden(positive: str, one: Asked) -> PromptError:
    """Return the refusal, with a caret unless that would point at what only an owner may see."""
    layers = " + ".join(one.term.origins)
    if one.term.is_hidden:
        return PromptError(
            f"the prompt asks for something that the policy {layers} forbids",
            code="policy-forbids",
            cure="ask its owner what it steers away from",
        )
    first, last = one.letters[0], one.letters[-1]
    for before, after in pairwise(one.letters):  # only the first place is pointed at
        if after.start < before.start or after.start > before.stop + len(one.term.text):
            last = before
            break
    words = shown(positive[first.start : last.stop])
    return PromptError(
        f"the prompt asks for {words}, which the policy {layers} forbids",
        code="policy-forbids",
        cure="leave it out of the prompt",
        source=positive,
        span=Span(first.start, last.stop),
    )


def _without(text: str, spans: Sequence[Span]) -> str:
    gone = {place for span in spans for place in range(span.start, span.stop)}
    return "".join(c for place, c in enumerate(text) if place not in gone) if gone else text
