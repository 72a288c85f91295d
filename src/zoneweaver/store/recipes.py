"""Recipes that people made, and the agent's own that people edited; the unedited ones are in the program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from zoneweaver.domain.recipes import KeptRecipe, Recipe
from zoneweaver.store import tables, transaction

_R = tables.recipes.c
_COLUMNS: Final = (_R.id, _R.name, _R.body, _R.created_by, _R.created_at, _R.updated_at)
_EVERY: Final = select(*_COLUMNS).order_by(_R.name)
_GET: Final = select(*_COLUMNS).where(_R.id == bindparam("key"))
_INSERT: Final = insert(tables.recipes)
_UPDATE: Final = update(tables.recipes).where(_R.id == bindparam("key"))
_DELETE: Final = delete(tables.recipes).where(_R.id == bindparam("key"))


def every(c: Connection) -> tuple[KeptRecipe, ...]:
    """Return all by name."""
    return tuple(_kept(c, row) for row in c.execute(_EVERY).mappings())


def get(c: Connection, recipe_id: str) -> KeptRecipe | None:
    """Return the recipe, or None."""
    row = c.execute(_GET, {"key": recipe_id}).mappings().one_or_none()
    return None if row is None else _kept(c, row)


def put(c: Connection, recipe_id: str, recipe: Recipe, *, created_by: str) -> KeptRecipe:
    """Insert or replace a recipe and return it as it is kept."""
    moment = transaction.now(c)
    values = {
        "name": recipe.name,
        "body": transaction.seal(c).dumps(recipe.as_json()),
        "updated_at": moment,
    }
    if c.execute(_UPDATE, {"key": recipe_id, **values}).rowcount == 0:
        c.execute(_INSERT, {"id": recipe_id, "created_by": created_by, "created_at": moment, **values})
    kept = get(c, recipe_id)
    assert kept is not None  # noqa: S101 - written above
    return kept


def remove(c: Connection, recipe_id: str) -> bool:
    """Forget a recipe; say whether there was one."""
    return c.execute(_DELETE, {"key": recipe_id}).rowcount > 0


def _kept(c: Connection, row: Mapping[Any, Any]) -> KeptRecipe:
    body = transaction.seal(c).loads(row["body"])
    return KeptRecipe(
        id=row["id"],
        recipe=Recipe.from_json(body),
        created_by=row["created_by"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
