"""An endpoint that proposes edits: a real server on this machine, good, bad, slow and absent."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from PIL import Image
from tests.policy.house import house

from negprompt.engine import Request
from negprompt.errors import RequestError
from negprompt.feedback import Draft, Edit, apply, critique, draft_of
from negprompt.feedback.endpoint import KEY, MODEL, SEES, URL, Endpoint, configured

WORDS = "the hands look wrong"


class Server(BaseHTTPRequestHandler):
    """Answers as the test tells it to."""

    said: ClassVar[list[Any]] = []
    asked: ClassVar[list[dict[str, Any]]] = []
    pause: ClassVar[float] = 0.0

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body | {"key": self.headers["Authorization"]})
        status, answer = self.said.pop(0)
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        if status == 307:
            self.send_header("Location", "http://127.0.0.1:1/v1/chat/completions")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        for byte in data if self.pause else ():
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(self.pause)
        if not self.pause:
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that left
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Server.said.clear()
    Server.asked.clear()
    Server.pause = 0.0
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def spoken(content: Any) -> tuple[int, Any]:
    """A chat completion."""
    text = content if isinstance(content, str) else json.dumps(content)
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return 200, {"id": "1", "object": "chat.completion", "created": 1, "model": "m",
                 "choices": [choice]}  # fmt: skip


def proposing(*edits: dict[str, Any], content: bool = False) -> tuple[int, Any]:
    return spoken({"edits": list(edits), "content": content})


def test_it_proposes_and_the_rules_check(url: str) -> None:
    policy = house("enforced", "logo")
    draft = draft_of(Request(prompt="a cat", negative=("text",), policies=(policy,)))
    draft = apply([Edit("protect", "sky", "")], draft).draft
    Server.said[:] = [
        proposing(
            {"action": "add", "term": "Deformed Hands", "weight": 1.2, "reason": "hands"},
            {"action": "add", "term": "caption"},
            {"action": "remove", "term": "logo"},
            {"action": "add", "term": "sky"},
        )
    ]
    said = critique(WORDS, draft, endpoint=Endpoint(url, "m", "secret"))
    assert said.source == "endpoint"
    assert [(e.action, e.term) for e in said.edits] == [
        ("add", "deformed hands"), ("strengthen", "text"),
    ]  # fmt: skip
    assert [n.code for n in said.notices] == ["edit-enforced", "edit-protected"]
    (asked,) = Server.asked
    assert asked["key"] == "Bearer secret"
    assert asked["response_format"]["type"] == "json_schema"
    assert WORDS in asked["messages"][1]["content"]


def test_hidden_terms_do_not_leave_the_machine(url: str) -> None:
    secret = house("enforced", "zyxwv", visibility="owner")
    Server.said[:] = [proposing(content=True)]
    draft = draft_of(Request(prompt="a cat", policies=(secret,)))
    assert critique("perfect", draft, endpoint=Endpoint(url, "m")).is_content
    assert "zyxwv" not in json.dumps(Server.asked)
    assert secret.label not in json.dumps(Server.asked)


@pytest.mark.parametrize("sees", [True, False])
def test_a_picture_leaves_only_where_that_was_asked_for(url: str, sees: bool) -> None:
    Server.said[:] = [proposing({"action": "add", "term": "watermark"})]
    picture = Image.new("RGB", (2000, 10))
    endpoint = Endpoint(url, "m", sees=sees)
    critique("what is that in the corner?", Draft("a cat"), image=picture, endpoint=endpoint)
    assert ("data:image/png;base64," in json.dumps(Server.asked)) is sees


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}), (401, {"error": {"message": "no"}}), (307, {}), (200, b"<html>"), (200, {}),
        (200, []), (200, {"choices": []}), spoken("I think the hands are fine."), spoken("[]"),
        spoken({"edits": "none"}), proposing({"action": "explode", "term": "x"}),
        proposing({"action": "add", "term": "a, (b:9)"}), proposing({"action": "add", "term": ""}),
        proposing({"action": "add", "term": "x", "weight": 99}),
        proposing({"action": "remove", "term": "giraffe"}),
        proposing(*[{"action": "add", "term": f"t{n}"} for n in range(60)]),
    ],
)  # fmt: skip
def test_nonsense_costs_one_notice(url: str, answer: tuple[int, Any]) -> None:
    Server.said[:] = [answer]
    said = critique(WORDS, Draft("a cat"), endpoint=Endpoint(url, "m"))
    assert (said.source, [e.term for e in said.edits]) == ("rules", ["deformed hands"])
    assert [n.code for n in said.notices] == ["endpoint-failed"]
    assert len(Server.asked) == 1  # nothing was tried again, no redirect was followed


def test_one_that_is_slow_costs_one_notice_and_no_more_than_its_time(url: str) -> None:
    Server.pause = 0.05  # a byte at a time: each read is quick, the whole answer takes a minute
    Server.said[:] = [proposing({"action": "add", "term": "x", "reason": "y" * 1000})]
    start = time.monotonic()
    said = critique(WORDS, Draft("a cat"), endpoint=Endpoint(url, "m", seconds=1.0))
    assert time.monotonic() - start < 10
    assert [n.code for n in said.notices] == ["endpoint-failed"]
    assert [e.term for e in said.edits] == ["deformed hands"]


def test_one_that_is_not_there_costs_one_notice() -> None:
    said = critique(WORDS, Draft("a cat"), endpoint=Endpoint("http://127.0.0.1:9/v1", "m"))
    assert [n.code for n in said.notices] == ["endpoint-failed"]
    assert [e.term for e in said.edits] == ["deformed hands"]


def test_it_is_used_only_where_it_is_named() -> None:
    assert configured({}) is None
    named = {URL: "http://localhost:1/v1", MODEL: "m", KEY: "k", SEES: "1"}
    assert configured(named) == Endpoint("http://localhost:1/v1", "m", "k", sees=True)
    assert configured(named | {SEES: ""}) == Endpoint("http://localhost:1/v1", "m", "k")
    for wrong, code in (({MODEL: ""}, "llm-model-missing"), ({URL: "host"}, "llm-url-invalid")):
        with pytest.raises(RequestError) as told:
            configured(named | wrong)
        assert told.value.code == code
