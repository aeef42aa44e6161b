"""What a command waits for, on standard error."""

from __future__ import annotations

import io
import time

from flows.waiting import Waiting


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def await_text(stream: io.StringIO, text: str) -> None:
    deadline = time.monotonic() + 10
    while text not in stream.getvalue():
        assert time.monotonic() < deadline, stream.getvalue()
        time.sleep(0.05)


def test_terminal_shows_the_step_and_its_duration_until_the_stop() -> None:
    stream = Terminal()
    waiting = Waiting(stream)
    waiting.step("the server")
    await_text(stream, "waiting for the server ... 1 s")
    waiting.stop()
    end = stream.getvalue()
    assert end.endswith("\r\x1b[2K"), "the line is removed"
    waiting.step("more")
    time.sleep(0.6)
    assert stream.getvalue() == end


def test_other_outputs_get_sentences_only() -> None:
    stream = io.StringIO()
    waiting = Waiting(stream)
    waiting.step("the server")
    for text in ("starting a server", "starting a server", "it runs"):
        waiting.say(text)
    waiting.stop()
    assert stream.getvalue() == "sightline: starting a server\nsightline: it runs\n"
