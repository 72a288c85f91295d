"""`/provisioning/recipes`: how guests are set up over their console."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from zoneweaver.api.queueing import queued
from zoneweaver.api.route import Answer, Call, Route, Stream
from zoneweaver.api.wire import NOT_GIVEN, Body, Query, Shown
from zoneweaver.domain.keys import Scope
from zoneweaver.domain.names import ZoneName

Seconds = Annotated[float, Field(ge=0.1, le=86400)]
Command = Annotated[str, Field(max_length=4096)]
Written = Annotated[str, Field(max_length=200)]
Family = Literal["linux", "solaris", "windows"]
OneValue = str | int | float | bool
Variables = dict[str, OneValue | list[str | int | float]]

EXAMPLE: Final[dict[str, Any]] = {
    "name": "motd",
    "os_family": "linux",
    "description": "Says hello to whoever logs in",
    "variables": {"greeting": "Welcome"},
    "steps": [
        {"type": "command", "value": "uname -n", "store": "host"},
        {"type": "template", "dest": "/etc/motd", "content": "{{greeting}} to {{host}}\n", "as_root": True},
        {"type": "command", "value": "cat /etc/motd", "match": "{{greeting}}"},
    ],
}


class Step(Body):
    """One step; which fields it takes depends on its type."""

    type: Literal["wait", "send", "command", "template", "delay"]
    """`wait` for text, `send` keys, run a `command`, write a file from a `template`, or let time pass (`delay`)."""
    pattern: Written = NOT_GIVEN
    """wait: literal text, or `/…/` (`/…/i`) for a regular expression within one line."""
    regex: bool = NOT_GIVEN
    """wait: take the pattern as a regular expression without slashes."""
    fail_pattern: Written = NOT_GIVEN
    """wait: what ends the wait as failed."""
    or_command: Command = NOT_GIVEN
    """wait: the command that tells, when the guest is seen to wait for a login instead and a password is known."""
    value: Command = NOT_GIVEN
    """send: keys as they are, each line end one Enter. command: one line for the guest's shell."""
    expect_prompt: Written = NOT_GIVEN
    """command: type it and wait for this prompt; its end is not asked for."""
    check_exit_code: bool = NOT_GIVEN
    """command: fail unless it ends with 0 (true)."""
    match: Written = NOT_GIVEN
    """command: what a line of its output must show."""
    store: str = Field(default=NOT_GIVEN, max_length=64)
    """command: keep what matched (its first group, or the last line) in this variable."""
    as_root: bool = NOT_GIVEN
    """command, template: do it as root, with sudo or pfexec where the user is another."""
    dest: str = Field(default=NOT_GIVEN, max_length=1023)
    """template: the file in the guest."""
    content: str = Field(default=NOT_GIVEN, max_length=16384)
    """template: what it shall hold."""
    mode: str = Field(default=NOT_GIVEN, max_length=4)
    """template: its mode in octal (0644)."""
    timeout: Seconds = NOT_GIVEN
    """wait, command (30), template (120): seconds."""
    seconds: Seconds = NOT_GIVEN
    """delay: how long (1)."""


class _Fields(Body):
    description: str = Field(default=NOT_GIVEN, max_length=1000)
    """What it does."""
    brand: str = Field(default=NOT_GIVEN, min_length=1, max_length=63)
    """The brand of the zones it is for (bhyve)."""
    is_default: bool = NOT_GIVEN
    """The one to take for its family and brand; others stop being it."""
    boot_string: Written = NOT_GIVEN
    """What the console shows when the guest is up; empty: a prompt."""
    login_prompt: Written = NOT_GIVEN
    """What asks for a user (`login:`); it stands at the end of what was said."""
    shell_prompt: Written = NOT_GIVEN
    """How the prompt of the user's shell ends, where it is not `$`, `#` or `%`."""
    timeout_seconds: Seconds = NOT_GIVEN
    """For all steps together, after the boot (300)."""
    variables: Variables = NOT_GIVEN
    """Defaults of what the steps name as `{{name}}`. Names that speak of passwords are kept sealed."""


class NewRecipe(_Fields):
    """A recipe."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    name: str = Field(min_length=1, max_length=63)
    """Letters, digits, dots, dashes and underscores."""
    os_family: Family
    """linux and solaris have a UNIX shell; windows is spoken to through its special administration console."""
    steps: list[Step] = Field(min_length=1, max_length=200)
    """What is done, in order."""


class ChangedRecipe(_Fields):
    """What is to be changed of a recipe."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"timeout_seconds": 600}]})

    name: str = Field(default=NOT_GIVEN, min_length=1, max_length=63)
    """Letters, digits, dots, dashes and underscores. The agent's own keep theirs."""
    os_family: Family = NOT_GIVEN
    """linux and solaris have a UNIX shell; windows is spoken to through its special administration console."""
    steps: list[Step] = Field(default=NOT_GIVEN, min_length=1, max_length=200)
    """All steps, in place of those there were."""


class Trial(Body):
    """Where a recipe is tried."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "zone_name": "web-server-01",
                    "variables": {"ip": "10.190.190.10", "prefix": 24, "gateway": "10.190.190.1", "dns": "8.8.8.8"},
                    "dry_run": True,
                }
            ]
        }
    )

    zone_name: str = Field(max_length=1024)
    """The zone."""
    variables: Variables = NOT_GIVEN
    """Values that win over the zone's and the recipe's."""
    dry_run: bool = NOT_GIVEN
    """Only say what would be done."""
    boot_timeout_seconds: Seconds = NOT_GIVEN
    """How long the guest may take to boot (300)."""


class Filter(Query):
    """Which recipes."""

    os_family: Family | None = None
    """Only recipes of this family."""
    brand: str | None = Field(default=None, max_length=63)
    """Only recipes of this brand."""


class RecipeRow(Shown):
    """A recipe as it is kept."""

    id: str
    name: str
    description: str
    os_family: str
    brand: str
    is_default: bool
    boot_string: str
    login_prompt: str
    shell_prompt: str
    timeout_seconds: float
    variables: dict[str, str]
    """Secrets are asterisks."""
    steps: list[dict[str, Any]]
    built_in: bool
    """One of the agent's own; unless it is edited, a new version of the agent brings its own."""
    edited: bool
    created_by: str
    created_at: str | None
    updated_at: str | None


class RecipeAnswer(Shown):
    """One recipe."""

    success: bool
    recipe: RecipeRow


class RecipeList(Shown):
    """Recipes by name."""

    success: bool
    count: int
    recipes: list[RecipeRow]


class RecipeGone(Shown):
    """What became of a recipe."""

    success: bool
    recipe_id: str
    message: str


class Tried(Shown):
    """What a dry run would do; or, with 202, the task."""

    success: bool
    recipe_name: str
    zone_name: str


async def list_recipes(call: Call) -> Answer:
    """List recipes."""
    asked = call.asked(Filter)
    return Answer(body=await call.services.recipes.list(os_family=asked.os_family, brand=asked.brand))


async def create_recipe(call: Call) -> Answer:
    """Make a recipe."""
    return Answer(status=201, body=await call.services.recipes.create(call.body, call.caller))


async def get_recipe(call: Call) -> Answer:
    """Return a recipe."""
    return Answer(body=await call.services.recipes.get(call.path["recipe_id"]))


async def update_recipe(call: Call) -> Answer:
    """Change a recipe."""
    return Answer(body=await call.services.recipes.update(call.path["recipe_id"], call.body, call.caller))


async def delete_recipe(call: Call) -> Answer:
    """Delete a recipe."""
    return Answer(body=await call.services.recipes.delete(call.path["recipe_id"]))


async def try_recipe(call: Call) -> Answer:
    """Resolve a recipe, or queue its test."""
    key, asked = call.path["recipe_id"], call.body
    given = asked.get("variables") or {}
    if asked.get("dry_run"):
        return Answer(body=await call.services.recipes.resolve(key, zone_name=asked["zone_name"], given=given))
    return await queued(
        call,
        lambda: call.services.recipes.test(
            key,
            zone_name=asked["zone_name"],
            given=given,
            boot_seconds=asked.get("boot_timeout_seconds"),
            caller=call.caller,
        ),
    )


async def watch_console(call: Call) -> Stream:
    """Stream what is done at a zone's console."""
    zone = ZoneName.parse(call.path["name"])
    said = call.services.recipes.watch(zone)

    async def chunks() -> AsyncGenerator[bytes, None]:
        async with aclosing(said):
            async for text in said:
                yield f"event: console\ndata: {json.dumps({'text': text})}\n\n".encode()
        yield b"event: end\ndata: {}\n\n"

    return Stream(chunks=chunks, alive=b": alive\n\n", silence=15.0)


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        method="GET",
        path="/provisioning/recipes",
        summary="List recipes",
        handler=list_recipes,
        tag="recipes",
        scope=Scope.READ,
        query=Filter,
        answer=RecipeList,
    ),
    Route(
        method="POST",
        path="/provisioning/recipes",
        summary="Make a recipe",
        handler=create_recipe,
        tag="recipes",
        scope=Scope.WRITE,
        body=NewRecipe,
        answer=RecipeAnswer,
        status=201,
        refusals=(409,),
        audit="recipe.create",
        target="name",
    ),
    Route(
        method="GET",
        path="/provisioning/recipes/{recipe_id}",
        summary="Show a recipe",
        description="By its id or its name.",
        handler=get_recipe,
        tag="recipes",
        scope=Scope.READ,
        answer=RecipeAnswer,
        refusals=(404,),
    ),
    Route(
        method="PUT",
        path="/provisioning/recipes/{recipe_id}",
        summary="Change a recipe",
        description="What is not given stays. One of the agent's own that is changed is not updated with the agent.",
        handler=update_recipe,
        tag="recipes",
        scope=Scope.WRITE,
        body=ChangedRecipe,
        answer=RecipeAnswer,
        refusals=(404, 409),
        audit="recipe.update",
        target="recipe_id",
    ),
    Route(
        method="DELETE",
        path="/provisioning/recipes/{recipe_id}",
        summary="Delete a recipe",
        description="One of the agent's own that was changed is as it was shipped again.",
        handler=delete_recipe,
        tag="recipes",
        scope=Scope.WRITE,
        answer=RecipeGone,
        refusals=(404, 409),
        audit="recipe.delete",
        target="recipe_id",
    ),
    Route(
        method="POST",
        path="/provisioning/recipes/{recipe_id}/test",
        summary="Try a recipe on a zone",
        description=(
            "With `dry_run` in the body it answers 200 with the steps as they would be done. Otherwise a task plays "
            "the recipe on the console of the running zone; the masked transcript is the task's output."
        ),
        handler=try_recipe,
        tag="recipes",
        scope=Scope.WRITE,
        body=Trial,
        answer=Tried,
        status=202,
        refusals=(404, 409),
        audit="recipe.test",
        target="zone_name",
        queues=True,
    ),
    Route(
        method="GET",
        path="/zones/{name}/console",
        summary="Watch a zone's console",
        description=(
            "What is done there by a task, masked, as Server-Sent Events: `console` with `text`, `end` when it leaves. "
            "Watchers only watch. 409 while nobody works there."
        ),
        handler=watch_console,
        tag="zones",
        scope=Scope.READ,
        media_type="text/event-stream",
        refusals=(409,),
        streams=True,
    ),
)
