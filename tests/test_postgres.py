"""The PostgreSQL server that tests are given."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, inspect, text

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_an_empty_database(postgres_database: str, turn: int) -> None:
    """What one test leaves behind, the next does not see."""
    engine = create_engine(postgres_database)
    with engine.begin() as connection:
        assert inspect(connection).get_table_names() == []
        connection.execute(text("CREATE TABLE left_behind (turn integer)"))
        connection.execute(text("INSERT INTO left_behind VALUES (:turn)"), {"turn": turn})
    engine.dispose()


def test_the_server_is_reached_by_socket_and_writes_for_good(postgres_database: str) -> None:
    """It listens on no network, and fsync is as PostgreSQL has it."""
    engine = create_engine(postgres_database)
    with engine.connect() as connection:
        assert connection.execute(text("SHOW listen_addresses")).scalar() == ""
        assert connection.execute(text("SHOW fsync")).scalar() == "on"
    engine.dispose()
