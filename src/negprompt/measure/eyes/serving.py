"""A session with a person → a page on this machine, for as long as the session lasts.

Only this machine reaches it, under a path that nobody can guess; what it serves loads nothing from
elsewhere, and no picture carries how it was made.
"""

import base64
import hashlib
import io
import json
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from PIL import Image

from negprompt.errors import OutputError, shown

BODY: Final = 4096
"""Bytes of the longest answer that is read."""
SIDE: Final = 1024


class Session(Protocol):
    """Questions to a person, one after the other."""

    def state(self) -> Mapping[str, Any]:
        """What the page shows now."""
        ...

    def answer(self, said: Mapping[str, Any]) -> None:
        """Take an answer; ValueError for one that is none."""
        ...

    def picture(self, name: str) -> Path | None:
        """The file behind a name that ``state`` gave."""
        ...


@contextmanager
def served(session: Session, page: str, port: int = 0) -> Iterator[str]:
    """Serve a session with one of the pages of this package; the page's address.

    Raises OutputError ``port-taken``.
    """
    token = secrets.token_urlsafe(18)
    text = _framed(page)
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Desk, session, text, token))
    except OSError as error:
        raise OutputError(
            f"the page cannot be served on port {port}: {error.strerror or error}",
            code="port-taken",
            cure="give another --port, or none",
        ) from error
    server.daemon_threads = False  # the last answer is sent before the page goes
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{token}/"
    finally:
        server.shutdown()
        server.server_close()


def plain(path: Path) -> bytes:
    """A picture as PNG without anything that says how it was made.

    Raises OutputError ``picture-unreadable``.
    """
    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP")) as image:
            bare = image.convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise OutputError(
            f"the picture {shown(str(path))} cannot be read: {error}",
            code="picture-unreadable",
            cure="give PNG, JPEG or WebP files that are there",
        ) from error
    bare.thumbnail((SIDE, SIDE))
    bare.info.clear()
    data = io.BytesIO()
    bare.save(data, "PNG")
    return data.getvalue()


def _framed(page: str) -> tuple[str, str]:
    """A page and the policy that lets its own script run and nothing else."""
    text = (files("negprompt.measure.eyes") / page).read_text("utf-8")
    script = text.split("<script>")[1].split("</script>")[0]
    mark = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{mark}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return text, policy


class _Desk(BaseHTTPRequestHandler):
    """Answers the page of one session."""

    server_version = "negprompt"
    sys_version = ""

    def __init__(
        self, session: Session, page: tuple[str, str], token: str, *connection: Any
    ) -> None:
        self.session, self.page, self.token = session, page, token
        super().__init__(*connection)

    def do_GET(self) -> None:
        """Page, state or picture."""
        path = self._path()
        if path == "":
            self._send(200, "text/html; charset=utf-8", self.page[0].encode())
        elif path == "state":
            self._send(200, "application/json", json.dumps(self.session.state()).encode())
        elif path is not None and path.startswith("picture/"):
            self._picture(path.removeprefix("picture/"))
        else:
            self._send(404, "text/plain", b"not here")

    def do_POST(self) -> None:
        """An answer; the next state comes back."""
        if self._path() != "answer" or self._foreign():
            self._send(404, "text/plain", b"not here")
            return
        try:
            length = int(self.headers.get("Content-Length") or 0)
            self.session.answer(dict(json.loads(self.rfile.read(min(length, BODY)))))
        except (ValueError, KeyError, TypeError) as error:
            self._send(400, "text/plain", str(error).encode())
            return
        self._send(200, "application/json", json.dumps(self.session.state()).encode())

    def _picture(self, name: str) -> None:
        path = self.session.picture(name)
        if path is None:
            self._send(404, "text/plain", b"not here")
            return
        try:
            self._send(200, "image/png", plain(path))
        except OutputError as error:
            self._send(404, "text/plain", str(error).encode())

    def _path(self) -> str | None:
        """What is asked for below the session's own path; None for anything else."""
        host = (self.headers.get("Host") or "").rsplit(":", 1)[0]
        head, found, rest = urlsplit(self.path).path.partition(f"/{self.token}/")
        return rest if host == "127.0.0.1" and found and not head else None

    def _foreign(self) -> bool:
        """Whether another page asks."""
        origin = self.headers.get("Origin")
        kind = (self.headers.get("Content-Type") or "").split(";")[0]
        own = f"http://{self.headers.get('Host')}"
        return origin not in (None, own) or kind != "application/json"

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", self.page[1])
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the terminal is the command's."""
