"""Numbers as prompts spell them."""

from decimal import Decimal


def number(weight: float) -> str:
    """Return the shortest digits that read back as ``weight``, without an exponent: 1.5, 2, 1000.

    A weight in a prompt has no exponent.  ``weight`` must be finite.
    """
    return format(Decimal(repr(float(weight))), "f").removesuffix(".0")
