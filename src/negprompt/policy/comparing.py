"""Two layers → what is different in them."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from negprompt.policy.layers import Layer


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: what it is about, and how that is in the first and the second layer.

    "" stands for what one of them has not.
    """

    what: str
    before: str
    after: str


def changes(before: Layer, after: Layer) -> Iterator[Change]:
    """Yield what differs: settings, then terms by their words, in the order of the layers.

    Of terms that only an owner may see it is said that they differ, and no more.
    """
    for one in fields(Layer):
        old, new = getattr(before, one.name), getattr(after, one.name)
        if one.name != "terms" and old != new:
            yield Change(one.name, _written(old), _written(new))
    if before.is_hidden or after.is_hidden:
        if before.terms != after.terms:
            yield Change("terms", f"{len(before.terms)} terms", f"{len(after.terms)} others")
    else:
        yield from _of_terms(before, after)


def _of_terms(before: Layer, after: Layer) -> Iterator[Change]:
    old_terms = {term.key: term for term in before.terms}
    new_terms = {term.key: term for term in after.terms}
    for key in dict.fromkeys((*old_terms, *new_terms)):
        old_term, new_term = old_terms.get(key), new_terms.get(key)
        if old_term is None and new_term is not None:
            yield Change(f"term {new_term.text}", "", f"weight {new_term.weight:g}")
        elif new_term is None and old_term is not None:
            yield Change(f"term {old_term.text}", f"weight {old_term.weight:g}", "")
        elif old_term is not None and new_term is not None:
            for name in ("weight", "reason", "evidence"):
                was, now = getattr(old_term, name), getattr(new_term, name)
                if was != now:
                    yield Change(f"{name} of {new_term.text}", _written(was), _written(now))


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
