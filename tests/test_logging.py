"""The log: JSON lines, without secrets."""

from __future__ import annotations

import contextlib
import json
import logging as standard
import os
import sys
from collections.abc import Iterator

import pytest
import structlog

from zoneweaver import logging
from zoneweaver.domain.secret import Secret


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = standard.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """Return what was told."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_json_with_its_moment_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    """And with what is bound around it: the request's or the task's id."""
    logging.configure("info")
    with structlog.contextvars.bound_contextvars(task_id="t1", zone="web"):
        structlog.get_logger().info("boot", percent=20)
    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["task_id"], line["zone"]) == ("boot", "info", "t1", "web")
    assert str(line["at"]).endswith("Z")


def test_a_secret_is_masked_by_its_type(capsys: pytest.CaptureFixture[str]) -> None:
    """Wherever it is hidden."""
    logging.configure("info")
    structlog.get_logger().info(
        "x", plain=Secret("geheim"), deep={"a": [Secret("geheim")]}, pair=("b", Secret("geheim"))
    )
    text = capsys.readouterr().err
    assert "geheim" not in text
    assert text.count("********") == 3


def test_a_log_that_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk, or when nobody reads the pipe any more, lines are lost and the work goes on."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as nobody_reads, open("/dev/full", "w", buffering=1) as full:
        for place in (nobody_reads, full):
            monkeypatch.setattr(sys, "stderr", place)
            logging.configure("info")
            structlog.get_logger().info("x")
            standard.getLogger("library").warning("y")
            with pytest.raises(OSError, match=r"(Broken pipe|No space)"):
                place.flush()
            with contextlib.suppress(OSError):
                place.close()


def test_the_level_is_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    """What is below it is not told."""
    logging.configure("warning")
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in lines(capsys)] == ["loud"]


def test_an_error_is_told_without_the_variables_around_it(capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback shows lines of source, never values."""
    logging.configure("info")
    password = "gehe" + "im"
    try:
        raise ValueError(len(password))
    except ValueError:
        structlog.get_logger().exception("broke")
    (line,) = lines(capsys)
    assert "ValueError: 6" in str(line["exception"])
    assert "geheim" not in str(line)


def test_libraries_are_heard_from_warnings_up(capsys: pytest.CaptureFixture[str]) -> None:
    """As lines of ours, with the library's name."""
    logging.configure("info")
    standard.getLogger("uvicorn.error").info("chatter")
    standard.getLogger("uvicorn.error").warning("trouble")
    assert [(line["event"], line["logger"]) for line in lines(capsys)] == [("trouble", "uvicorn.error")]
