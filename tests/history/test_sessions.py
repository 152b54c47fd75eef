"""A chat goes on where it was."""

import json
from pathlib import Path

import pytest

from negprompt.engine import Generation, save
from negprompt.errors import RequestError
from negprompt.history import looking, sessions
from negprompt.history.opening import History
from negprompt.history.recording import record


def test_a_session_is_resumed_where_it_was(
    history: History, made: Generation, tmp_path: Path
) -> None:
    number = sessions.begin(history, "a cat", {"terms": []})
    first = record(history, made, save(made, tmp_path), command="chat", session=number)
    edits = [{"action": "add", "term": "bad hands"}]
    turn = sessions.turn(
        history, number, "the hands!", edits=edits, decision="asked", state={"terms": []}
    )
    assert turn == 1
    before = sessions.session(history, number)
    assert before.turns[0].runs == (first,)
    assert before.turns[1].runs == ()  # cut off here, its picture is made again
    sessions.decide(history, number, "applied", {"terms": ["bad hands"]})
    second = record(history, made, save(made, tmp_path), command="chat", session=number)
    found = sessions.session(history)
    assert found.state == {"terms": ["bad hands"]}
    assert [one.what for one in found.turns[1].decisions] == ["asked", "applied"]
    assert found.turns[1].runs == (second,)
    assert found.turns[1].edits == tuple(edits)
    assert (looking.run(history, second).session, looking.run(history, second).turn) == (number, 1)
    exported = json.loads(json.dumps(found.exported()))
    assert exported["turns"][1]["words"] == "the hands!"


def test_sessions_do_not_mix(history: History) -> None:
    first = sessions.begin(history, "a cat", {"seed": 1})
    second = sessions.begin(history, "a dog", {"seed": 2})
    sessions.turn(history, first, "darker", decision="applied", state={"seed": 1, "dark": True})
    assert sessions.session(history).id == second
    assert len(sessions.session(history, second).turns) == 1
    assert sessions.session(history, first).state == {"seed": 1, "dark": True}


def test_a_session_that_is_not_there_is_told(history: History) -> None:
    with pytest.raises(RequestError, match="no session is kept"):
        sessions.session(history)
    for what in (
        lambda: sessions.session(history, 3),
        lambda: sessions.turn(history, 3, "x", decision="applied", state={}),
        lambda: sessions.decide(history, 3, "applied", {}),
    ):
        with pytest.raises(RequestError, match="no session 3") as told:
            what()
        assert told.value.code == "session-unknown"
