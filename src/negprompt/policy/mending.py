"""Two texts → what is left of them once the safe pieces of advice are followed.

Safe is what changes no meaning (a term twice, "no watermark" in a negative), what moves a denial to
where it acts, and what a measurement found useless.  Weights, scales and dialects stay.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from negprompt.language import parse
from negprompt.language.detect import denials
from negprompt.policy.advice import USELESS, Asked
from negprompt.policy.lookalikes import key
from negprompt.policy.plan import Term, terms


@dataclass(frozen=True, slots=True)
class Mended:
    """The texts, and what was done to them."""

    prompt: str
    negatives: tuple[str, ...]
    done: tuple[str, ...]


def mended(asked: Asked) -> Mended:
    """Return the prompt and the negatives with every safe cure applied."""
    done: list[str] = []
    prompt, moved = _without_denials(asked.prompt, done)
    negatives = [_undoubled(text, done) for text in asked.negatives]
    held = {key(term.text) for text in negatives for term in terms(parse(text, asked.dialect))}
    missing = [thing for thing in dict.fromkeys(moved) if key(thing) not in held]
    if missing:
        first = negatives[0] if negatives else ""
        negatives[:1] = [", ".join(filter(None, (first.rstrip(", "), *missing)))]
    seen = {key(t.text) for t in asked.planned.standing if not t.is_hidden}
    useless = {key(name) for name, verdict in asked.measured.items() if verdict in USELESS}
    negatives = [_pruned(text, asked.dialect, seen, useless, done) for text in negatives]
    return Mended(prompt, tuple(negatives), tuple(done))


def _without_denials(prompt: str, done: list[str]) -> tuple[str, list[str]]:
    """Return a prompt without "no hat", and the hats."""
    moved = []
    for span, thing in reversed(list(denials(prompt, "positive"))):
        before, behind = prompt[: span.start].rstrip(), prompt[span.stop :].lstrip()
        if behind.startswith(",") and (not before or before.endswith(",")):
            behind = behind[1:].lstrip()
        if not behind:
            before = before.rstrip(", ")
        joint = "" if not before or not behind or behind.startswith(",") else " "
        done.append(f"moved {thing!r} from the prompt to the negative")
        moved.append(thing)
        prompt = f"{before}{joint}{behind}"
    return prompt, moved[::-1]


def _undoubled(text: str, done: list[str]) -> str:
    """Return a negative in which "no watermark" is "watermark"."""
    for span, thing in reversed(list(denials(text, "negative"))):
        done.append(f"{text[span.start : span.stop]!r} in the negative is {thing!r}")
        text = f"{text[: span.start]}{thing}{text[span.stop :]}"
    return text


def _pruned(text: str, dialect: str, seen: set[str], useless: set[str], done: list[str]) -> str:
    """Return a negative without terms that stand there already or were measured useless.

    Only a term that stands free between two commas is taken out: brackets are left alone.
    """
    gone: list[Term] = []
    for term in terms(parse(text, dialect)):
        name = key(term.text)
        if (name in useless or name in seen) and _is_free(text, term):
            why = "was measured useless" if name in useless else "stands there already"
            done.append(f"took out {term.text!r}, which {why}")
            gone.append(term)
        seen.add(name)
    pieces = list(_pieces(text, gone))
    return ", ".join(pieces) if gone else text


def _is_free(text: str, term: Term) -> bool:
    before, behind = text[: term.span.start].rstrip(), text[term.span.stop :].lstrip()
    plain = text[term.span.start : term.span.stop] == term.text and term.weight == 1
    return plain and before[-1:] in ("", ",") and behind[:1] in ("", ",")


def _pieces(text: str, gone: Sequence[Term]) -> Iterator[str]:
    """Yield what stands between commas, but for what is gone; commas in brackets divide nothing."""
    start = 0
    for term in gone:
        yield from filter(None, [text[start : term.span.start].strip(" ,\n")])
        start = term.span.stop
    yield from filter(None, [text[start:].strip(" ,\n")])
