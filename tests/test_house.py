"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parent.parent
SOURCES = sorted(HOUSE.glob("src/**/*.py"))
LEFT_OUT = {".git", ".venv", "var", "build", "dist", "node_modules", "__pycache__"}

INDEX = re.compile(
    "|".join(["pypi" + r"\.org/simple", "files" + r"\.pythonhosted\.org", r"(?:^|[^t])[-_]index" + "[-_]url", "registry" + r"\.npmjs\.", "/" + "simple/"]),
    re.IGNORECASE,
)  # fmt: skip
WORKPLACE = re.compile(r"""(?:^|[\s"'=:(,])(?:/wo""" + r"rk/|/ro" + r"ot/\.)")
STARTERS = {
    "anyio": {"open_process", "run_process"},
    "asyncio": {"create_subprocess_exec", "create_subprocess_shell"},
    "os": {"system", "popen", "fork", "posix_spawn", "posix_spawnp", "execv", "execve", "execvp", "execvpe", "spawnv", "spawnve"},
    "pty": {"spawn", "fork"},
}  # fmt: skip


@cache
def tracked() -> dict[str, str]:
    """Text of every file that belongs to the project, by its path."""
    done = subprocess.run(["git", "-C", str(HOUSE), "ls-files", "-z"], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        paths = [HOUSE / name for name in done.stdout.split("\0") if name]
    else:
        paths = [p for p in HOUSE.rglob("*") if not LEFT_OUT & set(p.relative_to(HOUSE).parts)]
    texts = {}
    for path in paths:
        if path.is_file():
            try:
                texts[str(path.relative_to(HOUSE))] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
    return texts


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    """Every tracked line the pattern is in."""
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in tracked().items()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def test_the_project_is_read() -> None:
    """The checks below look at files that are there."""
    assert {"pyproject.toml", "Makefile", "README.md", "LICENSE"} <= set(tracked())
    assert SOURCES


def test_no_file_names_an_index_of_packages() -> None:
    """Where packages come from is the machine's affair."""
    assert lines_with(INDEX) == []


def test_no_file_names_a_place_of_one_machine() -> None:
    """Paths are those of the host that runs the agent, or relative."""
    assert lines_with(WORKPLACE) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('x = "/wo' + 'rk/main"', True),
        ("cd /ro" + "ot/.cache", True),
        ('f"{world.path}/root/etc/zones"', False),
        ("/rpool/zones/web/root/tmp/init.log", False),
    ],
)
def test_a_place_of_one_machine_is_recognised(text: str, found: bool) -> None:
    """The host's own folders called root are not meant."""
    assert (WORKPLACE.search(text) is not None) is found


@pytest.mark.parametrize("name", ["runtime", "dev"])
def test_requirements_are_pinned_and_hashed(name: str) -> None:
    """Every requirement has one exact version and a hash, and no line is anything else."""
    logical = (HOUSE / f"requirements/{name}.txt").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    assert logical
    for line in logical:
        assert re.match(r"^[A-Za-z0-9._-]+==[^\s;]+\s", line), line
        assert re.search(r"--hash=sha256:[0-9a-f]{64}(\s|$)", line), line


def test_what_is_tested_is_what_runs() -> None:
    """A package has the same version for running and for developing."""
    versions: list[dict[str, str]] = []
    for name in ("runtime", "dev"):
        text = (HOUSE / f"requirements/{name}.txt").read_text(encoding="utf-8")
        versions.append(dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE)))
    runtime, dev = versions
    assert {name: dev.get(name) for name in runtime} == runtime


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(HOUSE / "src")))
def test_a_module_says_what_it_is_for(path: Path) -> None:
    """Every module begins with a docstring."""
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def starts(path: Path) -> list[str]:
    """Calls and imports in a file that start processes."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name == "subprocess"]
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            if node.module == "subprocess" or names & STARTERS.get(node.module or "", set()):
                found.append(f"{node.module}: {sorted(names)}")
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.attr in STARTERS.get(node.value.id, set())
        ):
            found.append(f"{node.value.id}.{node.attr}")
    return found


def test_only_host_starts_processes() -> None:
    """Commands of the host go through `zoneweaver.host`; elsewhere the program starts only itself or the lab host."""
    rooms = HOUSE / "src/zoneweaver"
    free = {"host", "cli", "testing"}
    itself = {"store/schema.py"}
    found = {
        str(path.relative_to(rooms)): starts(path)
        for path in SOURCES
        if path.is_relative_to(rooms) and path.relative_to(rooms).parts[0] not in free
    }
    assert {name: calls for name, calls in found.items() if calls and name not in itself} == {}


def test_sql_is_written_behind_one_door() -> None:
    """Services and operations pass an open transaction on, so they may name its type, and nothing else of SQLAlchemy."""
    found = []
    for room in ("cli", "services", "operations"):
        for path in sorted((HOUSE / "src/zoneweaver" / room).glob("**/*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
                module = node.module if isinstance(node, ast.ImportFrom) else names[0] if names else None
                if (module or "").split(".")[0] in {"sqlalchemy", "alembic"} and (module, names) != (
                    "sqlalchemy",
                    ["Connection"],
                ):
                    found.append(f"{path.relative_to(HOUSE)}: {module} {names}")
    assert found == []


def test_the_rooms_are_kept_apart() -> None:
    """Every contract of .importlinter is kept."""
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=HOUSE,
        env={"PYTHONPATH": str(HOUSE / "src"), "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_documents_lead_somewhere() -> None:
    """Every link in the documents has a target, and every decision is in the index."""
    done = subprocess.run([sys.executable, HOUSE / "tools/documents"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
