"""Making archives, good and evil, byte by byte where tarfile would refuse to."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

REG, DIR, SYM, LNK = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE

END = bytes(1024)


def entry(
    name: str | bytes,
    content: bytes = b"",
    *,
    kind: bytes = REG,
    link: str | bytes = "",
    mode: int = 0o644,
    size: int | None = None,
    size_field: bytes | None = None,
) -> bytes:
    """One ustar header with its content, checksummed, whatever it says."""
    raw = name if isinstance(name, bytes) else name.encode()
    target = link if isinstance(link, bytes) else link.encode()
    told = size_field or b"%011o\0" % (len(content) if size is None else size)
    block = b"".join(
        (
            raw[:100].ljust(100, b"\0"),
            b"%07o\0" % mode,
            b"0000000\0" * 2,
            told.ljust(12, b"\0"),
            b"14000000000\0",
            b" " * 8,
            kind,
            target[:100].ljust(100, b"\0"),
            b"ustar\x0000",
            bytes(247),
        )
    )
    block = block[:512].ljust(512, b"\0")
    total = sum(block)
    block = block[:148] + b"%06o\0 " % total + block[156:]
    return block + content + bytes(-len(content) % 512)


def pax(kind: bytes = b"x", **records: str | bytes) -> bytes:
    """An extended header."""
    lines = b""
    for keyword, value in records.items():
        raw = value if isinstance(value, bytes) else value.encode()
        rest = b" " + keyword.replace("__", ".").encode() + b"=" + raw + b"\n"
        length = len(rest) + 1
        while len(str(length)) + len(rest) != length:
            length = len(str(length)) + len(rest)
        lines += str(length).encode() + rest
    return entry("PaxHeader", lines, kind=kind)


def tar(*entries: bytes) -> bytes:
    return b"".join(entries) + END


def bomb(size: int) -> bytes:
    """A gzip of one file of zeros, thousands of times smaller than what it holds."""
    return gzip.compress(entry("zeros", size=size) + bytes(size) + bytes(-size % 512) + END)


def nested(depth: int) -> bytes:
    return tar(entry("/".join("d" for _ in range(depth)) + "/file"))


Evil = tuple[str, str, Callable[[], bytes], str]
"""What it is, the ending of its file, its bytes, and what the refusal must say."""

OK = entry("good.txt", b"good")

EVIL: list[Evil] = [
    ("absolute path", "tar", lambda: tar(OK, entry("/etc/passwd", b"x")), "/etc/passwd has an absolute path"),
    ("absolute path in pax", "tar", lambda: tar(OK, pax(path="/etc/passwd"), entry("harmless")), "/etc/passwd has an absolute path"),
    ("absolute GNU long name", "tar", lambda: tar(entry("././@LongLink", b"/etc/cron.d/x\0", kind=b"L"), entry("harmless")), "/etc/cron.d/x has an absolute path"),
    ("parent at the beginning", "tar", lambda: tar(OK, entry("../outside")), "../outside leads out"),
    ("parent in the midst", "tar", lambda: tar(entry("a/../../outside")), "a/../../outside leads out"),
    ("parent at the end", "tar", lambda: tar(entry("a/..", kind=DIR)), "a/.. leads out"),
    ("parent behind dots", "tar", lambda: tar(entry("./.././outside")), "leads out"),
    ("parent in pax", "tar", lambda: tar(pax(path="x/../../outside"), entry("harmless")), "x/../../outside leads out"),
    ("symlink to an absolute path", "tar", lambda: tar(entry("shadow", kind=SYM, link="/etc/shadow")), "shadow is a link to an absolute path (/etc/shadow)"),
    ("symlink out of the tree", "tar", lambda: tar(entry("up", kind=SYM, link="../outside")), "up is a link that leads out"),
    ("symlink out from below", "tar", lambda: tar(entry("a/b/up", kind=SYM, link="../../../outside")), "a/b/up is a link that leads out"),
    ("symlink out over another", "tar", lambda: tar(entry("one", kind=SYM, link="."), entry("two", kind=SYM, link="one/one/../..")), "two is a link with .. after a name"),
    ("symlink to the parent", "tar", lambda: tar(entry("up", kind=SYM, link="..")), "up is a link that leads out"),
    ("long symlink in pax", "tar", lambda: tar(pax(linkpath="../" * 60 + "etc/shadow"), entry("up", kind=SYM, link="x")), "up is a link that leads out"),
    ("symlink to nothing", "tar", lambda: tar(entry("up", kind=SYM, link="")), "up is a link to a name that is none"),
    ("symlink to no UTF-8", "tar", lambda: tar(entry("up", kind=SYM, link=b"\xff\xfe")), "up is a link to something that is not named in UTF-8"),
    ("file through a symlink", "tar", lambda: tar(entry("d", kind=DIR), entry("l", kind=SYM, link="d"), entry("l/file", b"x")), "l/file lies below a symbolic link"),
    ("symlink in place of a folder", "tar", lambda: tar(entry("d/f"), entry("d", kind=SYM, link="e")), "d is there twice"),
    ("folder in place of a symlink", "tar", lambda: tar(entry("d", kind=SYM, link="e"), entry("d", kind=DIR)), "d is there twice"),
    ("hard link to an absolute path", "tar", lambda: tar(entry("h", kind=LNK, link="/etc/shadow")), "h is a hard link to '/etc/shadow', which has an absolute path"),
    ("hard link out of the tree", "tar", lambda: tar(entry("h", kind=LNK, link="../../etc/shadow")), "which leads out"),
    ("hard link to nothing", "tar", lambda: tar(entry("h", kind=LNK, link="later"), entry("later")), "h is a hard link to something that is not a file before it"),
    ("hard link to a symlink", "tar", lambda: tar(entry("s", kind=SYM, link="x"), entry("h", kind=LNK, link="s")), "h is a hard link to something"),
    ("hard link to a folder", "tar", lambda: tar(entry("d", kind=DIR), entry("h", kind=LNK, link="d")), "h is a hard link to something"),
    ("character device", "tar", lambda: tar(OK, entry("dev/null", kind=b"3")), "dev/null is a device"),
    ("block device", "tar", lambda: tar(entry("dev/sd", kind=b"4")), "dev/sd is a device"),
    ("named pipe", "tar", lambda: tar(entry("pipe", kind=b"6")), "pipe is a named pipe"),
    ("unknown kind", "tar", lambda: tar(entry("odd", kind=b"Z")), "odd is of a kind"),
    ("another volume", "tar", lambda: tar(entry("part", kind=b"M")), "part goes on from another volume"),
    ("set-uid", "tar", lambda: tar(OK, entry("su", b"x", mode=0o4755)), "su is set-uid"),
    ("set-gid", "tar", lambda: tar(entry("sg", b"x", mode=0o2755)), "sg is set-uid or set-gid"),
    ("sparse file of GNU", "tar", lambda: tar(entry("hole", kind=b"S")), "hole is a sparse file"),
    ("sparse file in pax", "tar", lambda: tar(pax(GNU__sparse__major="1", path="hole"), entry("x")), "hole is a sparse file"),
    ("told too large", "tar", lambda: tar(entry("big", size_field=b"77777777777\0")), "big brings it to more than"),
    ("told too large in base 256", "tar", lambda: tar(entry("big", size_field=b"\x80" + bytes(3) + b"\x7f" * 8)), "big brings it to more than"),
    ("told too large in pax", "tar", lambda: tar(pax(size="9" * 18), entry("big")), "big brings it to more than"),
    ("negative size", "tar", lambda: tar(entry("minus", size_field=b"\xff" * 12)), "minus has a negative size"),
    ("size that is none", "tar", lambda: tar(pax(size="-1"), entry("odd")), "odd has a size that is none"),
    ("bomb", "tar.gz", lambda: bomb(3 * 1024 * 1024), "zeros brings it to more than"),
    ("too many entries", "tar", lambda: tar(*(entry(f"f{number}") for number in range(101))), "more than 100 entries"),
    ("too many folders between", "tar", lambda: tar(*(entry(f"{number}/" + "d/" * 40 + "f") for number in range(20))), "more than 100 entries"),
    ("too deep", "tar", lambda: tar(pax(path="d/" * 65 + "f"), entry("x")), "lies deeper than 64 folders"),
    ("too long a part", "tar", lambda: tar(pax(path="n" * 256), entry("x")), "has too long a name"),
    ("too long a path", "tar", lambda: tar(pax(path="nnnnnnnnnnnnnnnnnnnnnnnnnnnn/" * 40 + "f"), entry("x")), "has too long a name"),
    ("huge extended header", "tar", lambda: tar(entry("PaxHeader", kind=b"x", size_field=b"77777777777\0")), "has an extended header of"),
    ("huge long name", "tar", lambda: tar(entry("././@LongLink", kind=b"L", size_field=b"00040000000\0")), "has an extended header of"),
    ("chain of extended headers", "tar", lambda: tar(*(pax(path="a") for _ in range(5000)), entry("x")), "has two extended headers"),
    ("chain of long names", "tar", lambda: tar(*(entry("L", b"a", kind=b"L") for _ in range(5000)), entry("x")), "has two long names"),
    ("damaged extended header", "tar", lambda: tar(entry("PaxHeader", b"99 path=x\n", kind=b"x"), entry("x")), "has an extended header that is damaged"),
    ("file twice", "tar", lambda: tar(entry("a", b"1"), entry("a", b"2")), "a is there twice"),
    ("file twice, spelled otherwise", "tar", lambda: tar(entry("a/b", b"1"), entry("./a//b", b"2")), "is there twice"),
    ("folder in place of a file", "tar", lambda: tar(entry("a"), entry("a", kind=DIR)), "a is there twice"),
    ("file in place of a folder", "tar", lambda: tar(entry("a/b"), entry("a")), "a is there twice"),
    ("below a file", "tar", lambda: tar(entry("a"), entry("a/b")), "a/b lies below a file"),
    ("name not in UTF-8", "tar", lambda: tar(OK, entry(b"caf\xe9")), "caf\\xe9 is not named in UTF-8"),
    ("name with a newline", "tar", lambda: tar(entry("a\nb")), "a\\nb has control characters"),
    ("name with an escape", "tar", lambda: tar(entry("a\x1b[2Jb")), "control characters"),
    ("name with NUL in pax", "tar", lambda: tar(pax(path=b"a\0b"), entry("x")), "control characters"),
    ("no name", "tar", lambda: tar(entry("")), "an entry without a name"),
    ("file called like the folder", "tar", lambda: tar(entry(".", b"x")), "names the folder itself"),
    ("cut off in a header", "tar", lambda: (OK + OK)[: 1024 + 100], "is cut off"),
    ("cut off in content", "tar", lambda: entry("long", bytes(5000))[:2000], "long is cut off"),
    ("cut off before its end", "tar", lambda: OK, "it is cut off"),
    ("cut off in gzip", "tar.gz", lambda: gzip.compress(tar(entry("r", os.urandom(9000))))[:4000], "cut off"),
    ("gzip with a wrong checksum", "tar.gz", lambda: gzip.compress(tar(OK))[:-8] + bytes(8), "not a whole tar.gz"),
    ("gzip of nonsense", "tar.gz", lambda: gzip.compress(b"nonsense" * 200), "not a tar archive"),
    ("no gzip", "tar.gz", lambda: tar(OK), "not a whole tar.gz"),
    ("zip", "tar", lambda: b"PK\x03\x04" + bytes(600), "not a tar archive"),
    ("text", "tar", lambda: b"hello\n", "not a tar archive"),
    ("noise", "tar", lambda: os.urandom(4096), "not a tar archive"),
    ("empty file", "tar", lambda: b"", "it is empty"),
    ("empty archive", "tar", lambda: END, "it holds nothing"),
    ("damaged checksum", "tar", lambda: tar(OK, b"X" + entry("second")[1:]), "damaged after good.txt"),
    ("second archive behind", "tar", lambda: tar(OK) + tar(entry("/etc/passwd")), "goes on after its end"),
    ("endless zeros behind", "tar.gz", lambda: gzip.compress(tar(OK) + bytes(3 * 1024 * 1024)), "goes on with zeros"),
    ("no zstd", "tar.zst", lambda: tar(OK), "not a whole tar.zst"),
    ("cut off in zstd", "tar.zst", lambda: zstd(tar(entry("r", os.urandom(300000))))[:100000], "not a whole tar.zst"),
    ("evil in zstd", "tar.zst", lambda: zstd(tar(entry("../outside"))), "../outside leads out"),
]  # fmt: skip


def needs_a_program_for(name: str) -> None:
    """Skip the test, with the reason, where the machine cannot unpack a file of this name."""
    if name.endswith("tar.zst") and shutil.which("zstd") is None:
        pytest.skip("zstd(1) is not on this machine (Debian: package zstd)")


def zstd(content: bytes) -> bytes:
    return subprocess.run(["zstd", "-q", "-c"], input=content, capture_output=True, check=True).stdout


def packed(files: dict[str, bytes], *, compress: str = "gz") -> bytes:
    """A good archive as tarfile makes it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{compress}", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1_700_000_000
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def snapshot(folder: Path) -> dict[str, str]:
    """Everything below a folder, by name: kind, mode and content or target."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        status = path.lstat()
        what = f"-> {path.readlink()}" if path.is_symlink() else "/" if path.is_dir() else repr(path.read_bytes())
        found[name] = f"{status.st_mode & 0o7777:04o} {what}"
    return found
