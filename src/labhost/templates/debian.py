"""The unpacked root of `debian-12`, from Debian's packages as this machine gets them."""

from __future__ import annotations

import os

from labhost.templates import recipe, work
from labhost.templates.cache import TemplateError, remove

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from labhost.templates.cache import Template

MADE_BY = "etc/lab-template"  # in the root: what it was made by


def build(template: Template, say: Callable[[str], None]) -> None:
    """Make the root and publish it. Raises TemplateError."""
    if os.geteuid() != 0:
        raise TemplateError("only root can make a system's root: its files belong to its own users")
    work.need("mmdebstrap", "setpriv", "unshare")
    shop = template.workshop
    remove(shop)
    os.makedirs(shop)
    _write(f"{shop}/files", recipe.FILES)
    with open(f"{shop}/finish", "w", encoding="utf-8") as file:
        file.write(recipe.FINISH)
    with open(f"{shop}/sources", "w", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in sources()))
    argv = [
        "mmdebstrap", "--verbose", "--mode=root", "--variant=minbase", f"--include={','.join(recipe.PACKAGES)}",
        '--aptopt=APT::Install-Recommends "false"', "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in recipe.LEFT_OUT),
        f"--essential-hook=sync-in {shop}/files /",
        f'--customize-hook=chroot "$1" sh -eu <{shop}/finish',
        recipe.SUITE, f"{shop}/root", *([f"{shop}/sources"] if sources() else ()),
    ]  # fmt: skip
    say("getting and unpacking Debian's packages (a minute or two)")
    work.run(argv, say, log=f"{shop}/log", alone=True)
    _settle(f"{shop}/root")
    template.publish(f"{shop}/root", template.root)


def _write(top: str, files: dict[str, str]) -> None:
    for path, text in files.items():
        place = top + path
        os.makedirs(os.path.dirname(place), exist_ok=True)
        mode = 0o600 if path in recipe.PRIVATE else 0o755 if path in recipe.PROGRAMS else 0o644
        with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
            file.write(text)


def _settle(root: str) -> None:
    """Put right what belonged to the machine that made it."""
    _write(root, {path: recipe.FILES[path] for path in ("/etc/hostname", "/etc/hosts", "/etc/fstab")})
    resolver = f"{root}/etc/resolv.conf"
    if os.path.lexists(resolver):
        os.unlink(resolver)
    os.symlink("../run/systemd/resolve/stub-resolv.conf", resolver)
    with open(f"{root}/{MADE_BY}", "w", encoding="utf-8") as file:
        file.write(recipe.digest() + "\n")


def is_current(template: Template) -> bool:
    """Tell whether the root is what the recipe would make today, apart from Debian's own news."""
    try:
        with open(f"{template.root}/{MADE_BY}", encoding="utf-8") as file:
            return file.read().strip() == recipe.digest()
    except OSError:
        return False


def sources() -> list[str]:
    """Return lines of sources.list(5): the machine's own for this suite; none where it has no such, as on Ubuntu."""
    found = []
    folder = "/etc/apt/sources.list.d"
    places = ["/etc/apt/sources.list"]
    if os.path.isdir(folder):
        places += [f"{folder}/{name}" for name in sorted(os.listdir(folder))]
    for place in places:
        try:
            with open(place, encoding="utf-8") as file:
                text = file.read()
        except OSError:
            continue
        found += list_lines(text) if place.endswith(".list") else stanza_lines(text)
    # The suite itself must be there: its updates alone are no system.
    return found if any(line.split()[-2] == recipe.SUITE for line in found) else []


def list_lines(text: str) -> list[str]:
    """Return the lines for the suite, of a file in the form of one line for each source."""
    found = []
    for line in text.splitlines():
        words = line.partition("#")[0].replace("[", " [ ").replace("]", " ] ").split()
        if not words or words[0] != "deb":
            continue
        options = ""
        if "]" in words:
            end = words.index("]")
            options, words = " ".join(words[2:end]), ["deb", *words[end + 1 :]]
        if len(words) > 3 and recipe.COMPONENT in words[3:]:
            found += _line(options, words[1], words[2])
    return found


def stanza_lines(text: str) -> list[str]:
    """Return the lines for the suite, of a file in the form of stanzas (deb822)."""
    found = []
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in "\n".join(lines).split("\n\n"):
        fields: dict[str, str] = {}
        for line in stanza.splitlines():
            name, colon, value = line.partition(":")
            if colon and not line[:1].isspace():
                fields[name.strip().lower()] = value.strip()
        if fields.get("enabled", "yes").lower() in ("no", "false", "0") or "deb" not in fields.get("types", "").split():
            continue
        if recipe.COMPONENT not in fields.get("components", "").split():
            continue
        key = fields.get("signed-by", "")
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                found += _line(f"signed-by={key}" if key.startswith("/") else "", uri, suite)
    return found


def _line(options: str, uri: str, suite: str) -> list[str]:
    if suite.partition("-")[0] != recipe.SUITE or "backports" in suite:
        return []
    return [f"deb [{options}] {uri} {suite} {recipe.COMPONENT}" if options else f"deb {uri} {suite} {recipe.COMPONENT}"]
