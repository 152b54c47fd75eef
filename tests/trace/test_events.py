"""Events go into JSON as they are."""

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from negprompt.trace import Encoded, Event, Finished, Parsed, Planned, Stepped, to_json

EVENTS: list[Event] = [
    Parsed("a1111", "a cat", ("blurry",)),
    Planned("blurry", "blurry", (("blurry", 1.1, "user"),), (("code", "text"),)),
    Encoded("a1111", 1, 2, (1,), "negative"),
    Stepped(0, 0, 25, -20.0, 2, 3.5, 0.9, 10.5),
    Finished((7,), 50, 2.0, 1.25),
]


def test_every_event_names_itself_and_survives_json() -> None:
    for event in EVENTS:
        told = json.loads(json.dumps(to_json(event), allow_nan=False))
        assert told["event"] == type(event).__name__.lower()
        assert set(told) == {"event", *event.__dataclass_fields__}


@given(st.floats())
def test_a_number_that_json_cannot_hold_is_null(number: float) -> None:
    told = to_json(Stepped(0, 0, 1, number, 2, None, number, 0.0))
    assert told["cosine"] == (number if math.isfinite(number) else None)
    json.dumps(told, allow_nan=False)
