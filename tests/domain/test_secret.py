"""Secrets cannot be printed."""

import json
import pickle

import pytest

from zoneweaver.domain.secret import MASK, Secret, masked, reveal


def test_no_way_of_printing_shows_a_secret():
    """str, repr, format, percent and containers show asterisks."""
    secret = Secret("hunter2")
    for shown in (str(secret), repr(secret), f"{secret}", f"{secret:>20}", "%s %r" % (secret, secret), str([secret])):
        assert "hunter2" not in shown
        assert MASK in shown
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_reveal_is_the_one_way():
    """Whoever means it gets it."""
    assert reveal(Secret("hunter2")) == "hunter2"
    assert reveal("plain") == "plain"
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


def test_masking_reaches_every_depth():
    """Dictionaries, lists and tuples are masked inside."""
    assert masked({"a": [Secret("x"), ("y", Secret("z"))], "b": 1}) == {"a": [MASK, ["y", MASK]], "b": 1}
