"""Recipes: the agent's own and those that people made; editing, resolving, and trying them on a zone."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from zoneweaver.domain.builtin_recipes import BUILT_IN
from zoneweaver.domain.errors import Conflict, Invalid, NotFound
from zoneweaver.domain.names import ZoneName
from zoneweaver.domain.recipe_values import MissingVariables, Origin, check_patterns, gather, missing, resolved
from zoneweaver.domain.recipes import KeptRecipe, Recipe, as_default, seconds, variables
from zoneweaver.domain.secret import MASK, Secret, masked
from zoneweaver.domain.tasks import Kind, NewTask, Status
from zoneweaver.domain.zonestate import ZoneState
from zoneweaver.guest.console import CONSOLES
from zoneweaver.guest.player import BOOT_SECONDS
from zoneweaver.host import dladm
from zoneweaver.host.zonexml import ConfigFiles
from zoneweaver.operations import guest_values
from zoneweaver.services.callers import Caller
from zoneweaver.services.queueing import Proposal
from zoneweaver.store import profiles, recipes, zones
from zoneweaver.store.database import Database
from zoneweaver.store.zones import ZoneRecord
from zoneweaver.tasks.context import Hosting


@dataclass(kw_only=True, slots=True)
class Recipes:
    """Everything that can be asked about recipes. A recipe is named by its id or its name."""

    database: Database
    host: Hosting
    files: ConfigFiles

    # --- answers

    async def list(self, *, os_family: str | None, brand: str | None) -> dict[str, Any]:
        """Return the recipes by name."""
        found = [
            kept
            for kept in await self.database.read(_every)
            if (os_family is None or kept.recipe.os_family == os_family)
            and (brand is None or kept.recipe.brand == brand)
        ]
        return {"success": True, "count": len(found), "recipes": [kept.as_json() for kept in found]}

    async def get(self, key: str) -> dict[str, Any]:
        """Return one recipe. Raises NotFound."""
        kept = await self.database.read(lambda c: find(c, key))
        return {"success": True, "recipe": kept.as_json()}

    def watch(self, zone: str) -> AsyncGenerator[str, None]:
        """Return what is said at a zone's console, as it is said. Raises Conflict when nobody works there."""
        return CONSOLES.watch(zone)

    # --- changes

    async def create(self, body: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        """Make a recipe. Raises Invalid, and Conflict when the name is taken."""
        recipe = Recipe.from_json(body)
        _no_asterisks(recipe)

        def write(c: Connection) -> KeptRecipe:
            _free(c, recipe.name, None)
            kept = recipes.put(c, str(uuid.uuid4()), recipe, created_by=caller.name)
            return self._only_default(c, kept, caller)

        return {"success": True, "recipe": (await self.database.run(write)).as_json()}

    async def update(self, key: str, body: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        """Change what is given of a recipe. Raises NotFound, Invalid, and Conflict for a name that cannot be had.

        Secrets that come back as asterisks stay what they are.
        """

        def write(c: Connection) -> KeptRecipe:
            before = find(c, key)
            given = dict(body)
            if isinstance(given.get("variables"), Mapping):
                given["variables"] = _unmasked(given["variables"], before.recipe.variables)
            recipe = Recipe.from_json({**before.recipe.as_json(), **given})
            _no_asterisks(recipe)
            if recipe.name != before.recipe.name:
                if before.built_in:
                    raise Conflict(f"{before.recipe.name} is the agent's own and keeps its name", code="built_in")
                _free(c, recipe.name, before.id)
            recipes.put(c, before.id, recipe, created_by=caller.name)
            return self._only_default(c, find(c, before.id), caller)

        return {"success": True, "recipe": (await self.database.run(write)).as_json()}

    async def delete(self, key: str) -> dict[str, Any]:
        """Delete a recipe; one of the agent's own that was edited is again as it was shipped.

        Raises NotFound, and Conflict while a zone's configuration names it.
        """

        def write(c: Connection) -> KeptRecipe:
            kept = find(c, key)
            if kept.built_in:
                if not recipes.remove(c, kept.id):
                    raise Conflict(f"{kept.recipe.name} is the agent's own and cannot be deleted", code="built_in")
                return kept
            users = [record.name for record in zones.every(c) if _names(record.provisioning, kept)]
            if users:
                raise Conflict(
                    f"Recipe {kept.recipe.name} is named by the configuration of zone {users[0]}",
                    code="recipe_in_use",
                    details={"zones": users},
                )
            bases = [other.profile.name for other in profiles.every(c) if _names(other.profile.defaults, kept)]
            if bases:
                raise Conflict(
                    f"Recipe {kept.recipe.name} is named by profile {bases[0]}",
                    code="recipe_in_use",
                    details={"profiles": bases},
                )
            recipes.remove(c, kept.id)
            return kept

        kept = await self.database.run(write)
        verb = "is as it was shipped" if kept.built_in else "deleted"
        return {"success": True, "recipe_id": kept.id, "message": f"Recipe '{kept.recipe.name}' {verb}"}

    # --- trying

    async def resolve(self, key: str, *, zone_name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a recipe would do on a zone: its steps with all variables, secrets masked. Raises NotFound."""
        kept, record = await self._zone_and_recipe(key, zone_name)
        levels = await self._levels(kept.recipe, zone_name, record, given)
        values = gather(levels)
        unresolved = missing(kept.recipe, values)
        if not unresolved:
            check_patterns(kept.recipe, values)
        shown = masked(dict(values.values))
        return {
            "success": True,
            "dry_run": True,
            "recipe_name": kept.recipe.name,
            "zone_name": zone_name,
            "resolved_steps": resolved(kept.recipe, values),
            "unresolved_variables": list(unresolved),
            "variables": {name: {"value": shown[name], "origin": values.origins[name].value} for name in sorted(shown)},
            "variables_provided": sorted(name for name, origin in values.origins.items() if origin != Origin.RECIPE),
            "variables_default": sorted(name for name, origin in values.origins.items() if origin == Origin.RECIPE),
        }

    async def test(
        self, key: str, *, zone_name: str, given: Mapping[str, Any], boot_seconds: float | None, caller: Caller
    ) -> Proposal:
        """Propose to play a recipe on a running zone. Raises NotFound, Conflict (not running), MissingVariables."""
        kept, record = await self._zone_and_recipe(key, zone_name)
        requested = variables(given, field="variables")
        values = gather(await self._levels(kept.recipe, zone_name, record, given))
        unresolved = missing(kept.recipe, values)
        if unresolved:
            raise MissingVariables(unresolved)
        check_patterns(kept.recipe, values)
        wait = BOOT_SECONDS if boot_seconds is None else seconds(boot_seconds, "boot_timeout_seconds")
        task = NewTask(
            id=str(uuid.uuid4()),
            kind=Kind.RECIPE_TEST,
            zone_name=zone_name,
            params={"recipe": kept.recipe.as_json(), "variables": dict(requested), "boot_seconds": wait},
            created_by=caller.name,
            metadata={"recipe_id": kept.id, "recipe_name": kept.recipe.name},
        )

        def guard(c: Connection) -> None:
            there = zones.get(c, zone_name)
            if there is not None and there.status != ZoneState.RUNNING.value:
                raise Conflict(
                    f"Zone {zone_name} is {there.status}: a recipe is tested on a running zone", code="not_running"
                )

        answer = {
            "success": True,
            "task_id": task.id,
            "zone_name": zone_name,
            "recipe_name": kept.recipe.name,
            "operation": task.kind.value,
            "status": Status.PENDING.value,
            "message": "Recipe test task queued successfully",
        }
        return Proposal(tasks=(task,), body=answer, guard=guard)

    async def _zone_and_recipe(self, key: str, zone_name: str) -> tuple[KeptRecipe, ZoneRecord | None]:
        zone = ZoneName.parse(zone_name)
        kept, record = await self.database.read(lambda c: (find(c, key), zones.get(c, zone)))
        if record is None and zone not in self.files.index():
            raise NotFound("Zone not found", code="zone_not_found", details={"zone": zone_name})
        return kept, record

    async def _levels(self, recipe: Recipe, zone: str, record: ZoneRecord | None, given: Mapping[str, Any]) -> Any:
        macs = guest_values.macs_of(await self.host.ask(dladm.show_vnics()))
        return guest_values.levels(
            recipe,
            config=self.files.read(zone),
            macs=macs,
            provisioning=None if record is None else record.provisioning,
            requested=variables(given, field="variables"),
        )

    def _only_default(self, c: Connection, kept: KeptRecipe, caller: Caller) -> KeptRecipe:
        """See to it that of one family and brand there is one default."""
        if kept.recipe.is_default:
            for other in recipes.every(c):
                same = (other.recipe.os_family, other.recipe.brand) == (kept.recipe.os_family, kept.recipe.brand)
                if other.id != kept.id and same and other.recipe.is_default:
                    recipes.put(c, other.id, as_default(other.recipe, False), created_by=caller.name)
        return kept


def _every(c: Connection) -> tuple[KeptRecipe, ...]:
    """Return all recipes by name: those of the program, with those of people over them."""
    rows = {kept.id: kept for kept in recipes.every(c)}
    chosen = {(kept.recipe.os_family, kept.recipe.brand) for kept in rows.values() if kept.recipe.is_default}
    found = [_over(BUILT_IN[kept.id], kept) if kept.id in BUILT_IN else kept for kept in rows.values()]
    for kept in BUILT_IN.values():
        if kept.id not in rows:
            taken = (kept.recipe.os_family, kept.recipe.brand) in chosen
            found.append(replace(kept, recipe=as_default(kept.recipe, kept.recipe.is_default and not taken)))
    return tuple(sorted(found, key=lambda kept: kept.recipe.name))


def _over(shipped: KeptRecipe, edited: KeptRecipe) -> KeptRecipe:
    return replace(edited, built_in=True, edited=True, created_by=shipped.created_by)


def find(c: Connection, key: str) -> KeptRecipe:
    """Return the recipe with this id or name. Raises NotFound."""
    found = next((kept for kept in _every(c) if key in {kept.id, kept.recipe.name}), None)
    if found is None:
        raise NotFound(f"Recipe '{key[:80]}' not found", code="recipe_not_found")
    return found


def _free(c: Connection, name: str, own: str | None) -> None:
    if any(kept.recipe.name == name and kept.id != own for kept in _every(c)):
        raise Conflict(f"Recipe with name '{name}' already exists", code="recipe_exists")


def _names(configuration: Mapping[str, Any] | None, kept: KeptRecipe) -> bool:
    return (configuration or {}).get("recipe_id") in {kept.id, kept.recipe.name}


def _unmasked(given: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: before[name] if value == MASK and isinstance(before.get(name), Secret) else value
        for name, value in given.items()
    }


def _no_asterisks(recipe: Recipe) -> None:
    for name, value in recipe.variables.items():
        if isinstance(value, Secret) and value.reveal() == MASK:
            raise Invalid(f"variables.{name} is only asterisks", field=f"variables.{name}")
