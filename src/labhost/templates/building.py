"""Building a template: what is done already stays, what was interrupted is begun anew, one builder at a time."""

from __future__ import annotations

import time

from labhost.templates import bootdisk, debian, recipe
from labhost.templates.cache import Lock, Template, TemplateError, remove

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def build(
    name: str, say: Callable[[str], None], *, anew: bool = False, current: bool = False, disk: bool = True
) -> Template:
    """Make what is missing of a template in the cache and return it. Raises TemplateError.

    `anew` makes it again, `current` does so when it was made by another recipe.
    """
    if name != recipe.NAME:
        raise TemplateError(f"nothing is known about how to build {name}: there is {recipe.NAME}")
    template = Template(name)
    began = time.monotonic()
    with Lock(template, say):
        made = False
        if anew or not template.has_root or (current and not debian.is_current(template)):
            remove(template.disk)
            debian.build(template, say)
            made = True
        elif not debian.is_current(template):
            say("it was made by another recipe and is taken as it is; --anew makes it again")
        if disk and not template.has_disk:
            bootdisk.build(template, say)
            made = True
        remove(template.workshop)
    if made:
        say(f"done in {time.monotonic() - began:.0f} s: {template.top}")
    return template
