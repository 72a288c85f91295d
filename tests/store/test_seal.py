"""Secrets at rest."""

from __future__ import annotations

import json
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneweaver.domain.secret import Secret
from zoneweaver.store.seal import FILE, Seal, Unsealable

keys = st.text(max_size=5) | st.sampled_from(["$sealed", "$$sealed", "$$$sealed", "sealed", "$"])
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


@given(value=values)
def test_values_come_back_as_they_were(value: Any) -> None:
    """Any JSON comes back equal, also with keys that look like the mark of a sealed value."""
    seal = Seal(Path("/nonexistent"))
    assert seal.loads(seal.dumps(value)) == value


def test_secrets_come_back_and_are_not_readable(tmp_path: Path) -> None:
    """A secret anywhere inside is encrypted in the text and a Secret again afterwards."""
    seal = Seal.load(tmp_path)
    value = {"a": [{"password": Secret("geheim")}], "user": "root"}
    text = seal.dumps(value)
    assert "geheim" not in text
    assert json.loads(text)["user"] == "root"
    assert Seal.load(tmp_path).loads(text) == value


def test_no_key_file_without_secrets(tmp_path: Path) -> None:
    """The key file is made when the first secret is written, readable by its owner alone."""
    seal = Seal.load(tmp_path)
    seal.dumps({"a": 1})
    assert not (tmp_path / FILE).exists()
    seal.dumps(Secret("x"))
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o400


def test_two_threads_make_one_key(tmp_path: Path) -> None:
    """What is encrypted at the same moment, before there is a key, is read with the key that there is then."""
    for turn in range(20):
        folder = tmp_path / str(turn)
        folder.mkdir()
        seal, gate = Seal.load(folder), threading.Barrier(4)

        def close(word: str, seal: Seal = seal, gate: threading.Barrier = gate) -> str:
            gate.wait(10)
            return seal.dumps(Secret(word))

        with ThreadPoolExecutor(4) as pool:
            sealed = list(pool.map(close, "abcd"))
        assert [Seal.load(folder).loads(text) for text in sealed] == [Secret(word) for word in "abcd"]
        assert len((folder / FILE).read_text().split()) == 1


def test_rotation(tmp_path: Path) -> None:
    """After a rotation new values use the new key, and old ones are still read."""
    seal = Seal.load(tmp_path)
    old = seal.dumps(Secret("old"))
    first_key = (tmp_path / FILE).read_text()
    seal.rotate()
    new = seal.dumps(Secret("new"))
    assert seal.loads(old) == Secret("old")
    (tmp_path / FILE).chmod(0o600)
    (tmp_path / FILE).write_text(first_key)
    with pytest.raises(Unsealable):
        Seal.load(tmp_path).loads(new)


def test_a_lost_key_file_is_named(tmp_path: Path) -> None:
    """Reading a sealed value without the key file says which file is missing."""
    text = Seal.load(tmp_path).dumps(Secret("x"))
    (tmp_path / FILE).unlink()
    with pytest.raises(Unsealable, match=FILE):
        Seal.load(tmp_path).loads(text)
    assert not (tmp_path / FILE).exists()
