"""`negprompt chat` in a terminal: it asks, shows a coloured diff, and goes on when it is told."""

import json
import os
import pty
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest


class Terminal:
    """A process in a terminal of its own, and all that it showed."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.screen, inner = pty.openpty()
        self.shown = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "negprompt", *arguments],
            cwd=folder, stdin=inner, stdout=inner, stderr=inner,
            env=os.environ | {"NEGPROMPT_DATA": str(folder / "data"), "TERM": "xterm-256color"},
        )  # fmt: skip
        os.close(inner)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            try:
                self.shown += os.read(self.screen, 4096).decode(errors="replace")
            except OSError:  # it is closed
                return

    def types(self, line: str, *, times: int) -> None:
        """Type a line once the prompt was there so many times."""
        end = time.monotonic() + 120
        while self.shown.count("> ") < times:
            assert self.process.poll() is None, self.shown
            assert time.monotonic() < end, self.shown
            time.sleep(0.05)
        os.write(self.screen, f"{line}\n".encode())


@pytest.mark.slow
def test_a_terminal_is_asked_and_shown_a_diff(model: str, tmp_path: Path) -> None:
    settings = ["--model", model, "--steps", "2", "--cfg", "3", "--negative", "scarf"]
    terminal = Terminal(tmp_path, "chat", *settings, "--export", "chat.json")
    terminal.types("a cat", times=1)
    terminal.types("no hat, and the scarf is fine", times=2)
    terminal.types("/nothing", times=3)
    terminal.types("/quit", times=4)
    assert terminal.process.wait(120) == 0
    time.sleep(0.2)
    assert "\x1b[31m- scarf 1" in terminal.shown
    assert "\x1b[32m+ hat 1" in terminal.shown
    assert "out/chat/beside-00000.png" in terminal.shown
    assert "there is no command '/nothing'" in terminal.shown
    assert "negprompt chat --resume 1" in terminal.shown
    assert len(json.loads((tmp_path / "chat.json").read_text())["turns"]) == 2
