"""A term and the model's text encoders → whether it is read, and told apart from nothing."""

from collections.abc import Collection

from negprompt.encoding.encoders import Encoders
from negprompt.errors import shown
from negprompt.language import Prompt
from negprompt.measure.diagnose.verdict import Diagnosis, Inquiry
from negprompt.models.load import POCKET, Model
from negprompt.policy.concepts import words_for
from negprompt.policy.learned import words_of
from negprompt.policy.plan import Plan, Term
from negprompt.world.captions import vocabulary


def diagnosed(
    flaw: str, planned: Plan, term: Term, model: Model, inquiry: Inquiry, *, watched: bool
) -> Diagnosis | None:
    """Return the verdict where the term is cut off, or is a word that the model never learned.

    ``watched``: a probe knows the flaw, so that a word without a better one goes on to be drawn.
    """
    said = [prompt for prompt in _texts(planned, term) if _reads(prompt, term, model.encoders)]
    if not said:
        t5 = model.encoders.t5
        what = f"{shown(term.text)} has no tokens in this model: the encoder reads nothing there"
        if t5 is not None and any(_past(prompt, term, model.encoders) for prompt in
                                  _texts(planned, term)):  # fmt: skip
            what = f"T5 reads {t5.length - 1} tokens, and {shown(term.text)} falls past them"
            return inquiry.end(1, "truncated", what, "shorten the text, or move it to the front")
        return inquiry.end(3, "unknown-word", what, "say it in other words")
    known = vocabulary() if model.name == POCKET else None
    strange = [] if known is None else _strange(term.text, known)
    if not strange or known is None:
        inquiry.note(3, f"{shown(term.text)} is read" + ("" if known is None else ", every word"))
        return None
    what = f"{shown(strange[0])} is no word that the model learned"
    better = next((word for word in words_for(flaw) if not _strange(word, known)), None)
    if better is not None:
        return inquiry.end(3, "unknown-word", f"{what}; {better!r} is one", f"say {better!r}")
    if not watched:
        return inquiry.end(3, "unknown-word", what, "`negprompt words` lists what it knows")
    inquiry.note(3, what)
    return None


def is_learned(word: str, model: Model) -> bool:
    """Whether a model learned a word, as far as its vocabulary is known."""
    return model.name != POCKET or not _strange(word, vocabulary())


def _texts(planned: Plan, term: Term) -> tuple[Prompt, ...]:
    """Return the prompts in which a term stands: a head, or what was typed."""
    negative = planned.negatives[term.branch]
    if term.layer == "user":
        return tuple(acting.prompt for acting in negative.stretches)
    return tuple(head.prompt for head in negative.heads)


def _reads(prompt: Prompt, term: Term, encoders: Encoders) -> bool:
    """Whether the encoder that conditions the picture has a token of the term.

    With T5 beside CLIP, as in Stable Diffusion 3, both must: what CLIP alone reads hardly acts.
    """
    places = range(term.span.start, term.span.stop)
    read = encoders.tokens(prompt)
    return all(any(t is not None and t.span.start in places for t in tokens) for tokens in read)


def _past(prompt: Prompt, term: Term, encoders: Encoders) -> bool:
    places = range(term.span.start, term.span.stop)
    return encoders.t5 is not None and any(
        token.span.start in places for token in encoders.t5.past(prompt)
    )


def _strange(text: str, known: Collection[str]) -> list[str]:
    return [word for word in words_of(text) if word not in known]
