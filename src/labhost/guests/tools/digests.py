"""Commands of a guest that encode text and take its digest."""

from __future__ import annotations

from labhost.guests.tools.given import inputs, wanted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.guests.shell import Shell, Steps, Streams


def base64(shell: Shell, argv: list[str], streams: Streams) -> Steps:
    import binascii

    decode = any(word in ("-d", "-D", "--decode", "-di") for word in argv)
    width = 76
    words = []
    at = 1
    while at < len(argv):
        if argv[at] == "-w":
            at += 1
            width = int(argv[at]) if at < len(argv) and argv[at].isdigit() else 76
        elif argv[at].startswith("-w"):
            width = int(argv[at][2:] or 0)
        else:
            words.append(argv[at])
        at += 1
    found = yield from inputs(shell, ["base64", *words], streams)
    if not found:
        return 1
    raw = found[0][1].encode("utf-8", "surrogateescape")
    if not decode:
        text = binascii.b2a_base64(raw, newline=False).decode()
        step = width or len(text) or 1
        streams.out("".join(text[at : at + step] + "\n" * bool(width) for at in range(0, len(text), step)))
        return 0
    try:
        clean = b"".join(raw.split())
        streams.out(binascii.a2b_base64(clean, strict_mode=True).decode("utf-8", "surrogateescape"))
    except (binascii.Error, ValueError):
        streams.err("base64: invalid input\n")
        return 1
    return 0


def _digest(kind: str) -> Any:
    def act(shell: Shell, argv: list[str], streams: Streams) -> Steps:
        import hashlib

        algorithm, words = kind, argv[1:]
        if argv[0] == "digest":
            at = words.index("-a") if "-a" in words else -1
            algorithm = words[at + 1] if at >= 0 else "sha1"
            words = words[:at] + words[at + 2 :] if at >= 0 else words
        if "-c" in words or "--check" in words:
            return (yield from _check(shell, argv, streams, algorithm))
        found = yield from inputs(shell, [argv[0], *words], streams)
        for name, text in found:
            told = hashlib.new(algorithm, text.encode("utf-8", "surrogateescape")).hexdigest()
            if argv[0] == "digest":
                streams.out(f"{told}\n" if len(found) == 1 else f"({name}) = {told}\n")
            else:
                streams.out(f"{told}  {name}\n")
        return 0 if len(found) == wanted([argv[0], *words]) else 1

    return act


def _check(shell: Shell, argv: list[str], streams: Streams, algorithm: str) -> Steps:
    import hashlib

    found = yield from inputs(shell, [argv[0], *[word for word in argv[1:] if not word.startswith("-")]], streams)
    bad = 0
    for _, text in found:
        for line in text.splitlines():
            told, _, name = line.partition(" ")
            name = name.lstrip(" *")
            try:
                raw = shell.disk.read(shell.path(name)).encode("utf-8", "surrogateescape")
                good = hashlib.new(algorithm, raw).hexdigest() == told
            except OSError:
                good = False
            bad += not good
            if "--status" not in argv and "-s" not in argv:
                streams.out(f"{name}: {'OK' if good else 'FAILED'}\n")
    return 1 if bad or not found else 0


def cksum(shell: Shell, argv: list[str], streams: Streams) -> Steps:
    found = yield from inputs(shell, argv, streams)
    for name, text in found:
        raw = text.encode("utf-8", "surrogateescape")
        streams.out(f"{_crc(raw)} {len(raw)}{'' if name == '-' else ' ' + name}\n")
    return 0 if len(found) == wanted(argv) else 1


def _crc(raw: bytes) -> int:
    size = len(raw)
    tail = b""
    while size:
        tail += bytes((size & 255,))
        size >>= 8
    crc = 0
    for byte in raw + tail:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc ^ 0xFFFFFFFF


COMMANDS = {
    "base64": base64, "cksum": cksum, "digest": _digest("sha1"), "md5sum": _digest("md5"), "sha1sum": _digest("sha1"),
    "sha256sum": _digest("sha256"),
}  # fmt: skip
