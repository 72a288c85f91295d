"""Playing a recipe on a guest's console, from the boot to the log-out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import anyio

from zoneweaver.domain.errors import AgentError
from zoneweaver.domain.patterns import Pattern
from zoneweaver.domain.recipe_values import Filled, Values
from zoneweaver.domain.recipes import Command, Delay, OsFamily, Recipe, Send, Step, Template, Wait
from zoneweaver.guest import boot
from zoneweaver.guest.expect import Expect, Line, TimedOut
from zoneweaver.guest.places import Place
from zoneweaver.guest.sac import Sac
from zoneweaver.guest.session import Account, CommandRefused, Seat, Session
from zoneweaver.guest.shell import Shell
from zoneweaver.guest.transcript import Transcript
from zoneweaver.guest.typing import Typist

BOOT_SECONDS: Final = 300.0
"""How long a guest may take to boot, unless told otherwise."""

IDLE_SECONDS: Final = 30.0
"""After how much silence a wait is decided by its `or_command`, when the guest waits for a login."""

CLOSE_SECONDS: Final = 60.0
HURRY_SECONDS: Final = 3.0
"""How long the log-out may take after a cancellation."""

Progress = Callable[[int, str], Awaitable[None]]
"""Told the number of the step that begins (-1: the boot), and what it does."""


@dataclass(kw_only=True, slots=True)
class Played:
    """What a recipe has done; `stored` is what the guest told."""

    steps: int = 0
    stored: dict[str, str] = field(default_factory=dict)
    typed: int = 0
    lost: int = 0


async def _silent(number: int, what: str) -> None:
    """Tell nobody."""


class Player:
    """Plays one recipe once, on one console."""

    def __init__(
        self,
        recipe: Recipe,
        values: Values,
        *,
        line: Line,
        tell: Callable[[str], None],
        progress: Progress = _silent,
        boot_seconds: float = BOOT_SECONDS,
    ) -> None:
        self.recipe = recipe
        self.values = values
        self.boot_seconds = boot_seconds
        self._progress = progress
        self.transcript = Transcript(tell, secrets=values.secrets)
        self.console = Expect(line, self.transcript)
        windows = recipe.os_family is OsFamily.WINDOWS
        self.typist = Typist(self.console, **({"kill": b"", "rub_out": b"\b"} if windows else {}))
        prompts = {
            "login": self._prompt(recipe.login_prompt, "login_prompt"),
            "shell": self._prompt(recipe.shell_prompt, "shell_prompt"),
        }
        made: Sac | Shell = (Sac if windows else Shell)(self.console, self.typist, account=self._account(), **prompts)
        self.seat: Seat = made
        self.session: Session = made
        self.played = Played()

    async def play(self) -> Played:
        """Wait for the boot, do the steps, log out. Raises what went wrong; the transcript has been told by then.

        Cancelled, it hurries out of the guest.
        """
        try:
            await self._boot()
            with self.console.within(self.recipe.timeout_seconds, "the end of the recipe"):
                for number, step in enumerate(self.recipe.steps):
                    await self._progress(number, step.type.value)
                    await self._step(step)
                    self.played.steps += 1
            await self._close(CLOSE_SECONDS)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self._close(HURRY_SECONDS)
            raise
        except AgentError:
            await self._close(CLOSE_SECONDS)
            raise
        finally:
            self.transcript.flush()
            self.played.typed, self.played.lost = self.typist.typed, self.typist.lost
        return self.played

    async def _boot(self) -> None:
        if not self.recipe.boot_string and not self.recipe.logs_in:
            return
        await self._progress(-1, "boot")
        place = await boot.wait(
            self.seat,
            self._prompt(self.recipe.boot_string, "boot_string"),
            prompt=self.recipe.logs_in,
            seconds=self.boot_seconds,
        )
        # A prompt that stands there is still to be found by a step that waits for it.
        if place is not Place.UNKNOWN:
            self.console.pending = self.console.pending.rpartition("\n")[2]

    async def _step(self, step: Step) -> None:
        if isinstance(step, Wait):
            await self._wait(step)
        elif isinstance(step, Send):
            await self._send(step)
        elif isinstance(step, Command):
            await self._command(step)
        elif isinstance(step, Template):
            await self.session.open()
            await self.session.put(
                self.values.fill(step.dest),
                self.values.fill(step.content),
                mode=step.mode,
                as_root=step.as_root,
                seconds=step.timeout,
            )
        elif isinstance(step, Delay):
            await self.console.rest(step.seconds)

    async def _wait(self, step: Wait) -> None:
        wanted = [self.values.pattern(step.pattern, field="pattern", regex=step.regex)]
        if step.fail_pattern is not None:
            wanted.append(self.values.pattern(step.fail_pattern, field="fail_pattern"))
        with self.console.within(step.timeout, wanted[0].shown):
            while True:
                heard = self.console.heard
                try:
                    found = await self.console.expect(*wanted, seconds=IDLE_SECONDS)
                except TimedOut:
                    self.seat.check()
                    silent = self.console.heard == heard
                    if silent and step.or_command is not None and await self._decided(step.or_command):
                        return
                else:
                    break
        if found.index:
            raise CommandRefused(
                f"The console says that it failed: {found.text}",
                code="guest_says_failed",
                details={"last_lines": self.transcript.tail()},
            )

    async def _decided(self, command: str) -> bool:
        """Let a command tell what was not heard; False when nobody can log in. Raises CommandRefused."""
        place = await self.seat.look()
        account = self._account()
        able = place is Place.SHELL or (place is Place.LOGIN and account is not None and account.password is not None)
        if not able:
            return False
        await self.session.open()
        filled = self.values.fill(command)
        result = await self.session.run(filled, as_root=False, seconds=self.recipe.timeout_seconds)
        if result.exit_code:
            raise refused(filled, result.exit_code, result.output)
        return True

    async def _send(self, step: Send) -> None:
        filled = self.values.fill(step.value)
        shown = filled.shown.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for number, part in enumerate(filled.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")):
            if number:
                await self._enter()
            if part:
                await self._keys(part, shown[number] if number < len(shown) else "", secret=filled.secret)

    async def _enter(self) -> None:
        """Press Enter, once more when nothing at all comes of it."""
        for _ in range(3):
            await self.typist.key(b"\r")
            if await self.console.listen(self.typist.patience):
                return

    async def _keys(self, part: str, shown: str, *, secret: bool) -> None:
        """Type keys: with their echo where there is one, else slowly."""
        if secret:
            with self.transcript.typing(shown, secret=True):
                await self.typist.blind(part)
        elif part.isprintable() and self.seat.place() is not Place.PASSWORD:
            await self.typist.loosely(part)
        else:
            await self.typist.blind(part)

    async def _command(self, step: Command) -> None:
        await self.session.open()
        filled = self.values.fill(step.value)
        if step.expect_prompt is not None:
            prompt = self.values.pattern(step.expect_prompt, field="expect_prompt")
            await self.session.plain(filled, prompt=prompt, seconds=step.timeout)
            return
        result = await self.session.run(filled, as_root=step.as_root, seconds=step.timeout)
        if step.check_exit_code and result.exit_code:
            raise refused(filled, result.exit_code, self.transcript.masked(result.output))
        if step.match is not None or step.store is not None:
            self._shown(step, filled, result.output)

    def _shown(self, step: Command, command: Filled, output: str) -> None:
        """Look for what the output must show, and keep it. Raises CommandRefused."""
        lines = [line.strip("\r") for line in output.split("\n")]
        if step.match is None:
            value = next((line.strip() for line in reversed(lines) if line.strip()), None)
        else:
            pattern = self.values.pattern(step.match, field="match")
            match = next((found for line in lines if (found := pattern.compiled.search(line))), None)
            value = None if match is None else match[match.re.groups and 1]
        if value is None:
            wanted = "nothing at all" if step.match is None else f"no {self.transcript.masked(step.match)}"
            raise CommandRefused(
                f"`{command.shown[:200]}` shows {wanted}",
                code="guest_output_unexpected",
                details={"output": self.transcript.masked(output)[-2000:]},
            )
        if step.store is not None:
            self.values = self.values.storing(step.store, value)
            self.played.stored[step.store] = value

    async def _close(self, seconds: float) -> None:
        """Log out; what does not want to end in time is left."""
        with anyio.move_on_after(seconds):
            await self.session.close()

    def _prompt(self, text: str, field: str) -> Pattern | None:
        return self.values.pattern(text, field=field) if text else None

    def _account(self) -> Account | None:
        username = self.values.text("username")
        return None if username is None else Account(username=username, password=self.values.text("password"))


def refused(command: Filled, exit_code: int, output: str) -> CommandRefused:
    """Return the error of a command that did not end as it should."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    said = " | ".join(lines[-4:])[-400:] or "it said nothing"
    return CommandRefused(
        f"`{command.shown[:200]}` ended with {exit_code}: {said}",
        details={"command": command.shown, "exit_code": exit_code, "output": output[-2000:]},
    )


def summary(played: Played) -> dict[str, Any]:
    """Return what is told of a run that ended well."""
    return {"steps": played.steps, "stored": played.stored, "typed": played.typed, "lost": played.lost}
