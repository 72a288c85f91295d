"""`zoneweaver completion`."""

from __future__ import annotations

from typing import Literal

from zoneweaver.cli import terminal


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the completion script for a shell.

    bash: `source <(zoneweaver completion bash)` in ~/.bashrc; zsh: write it to a file `_zoneweaver` in a folder of
    `$fpath`; fish: write it to `~/.config/fish/completions/zoneweaver.fish`.

    Parameters
    ----------
    shell
        bash, zsh or fish.
    """
    from zoneweaver.cli.commands import app  # noqa: PLC0415

    terminal.put(app.generate_completion(prog_name="zoneweaver", shell=shell))
