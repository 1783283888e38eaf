"""The code blocks of the project's pages, and what they say is to be done with them."""

import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).parents[2]
PAGES = [HOME / "README.md", *sorted((HOME / "docs").glob("*.md"))]
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.M | re.S)
_FILE = re.compile(r"`([\w./-]+\.\w+)`")
_ENDS = re.compile(r"^(?P<command>.*\S) +# exit code (?P<code>\d+)$")
_OPERATORS = set("|&;<>()")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, the heading it is under, and the file that the text before it names."""

    language: str
    text: str
    heading: str
    file: str | None


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page in their order; a block right after another is of the same file."""
    result: list[Block] = []
    text = page.read_text(encoding="utf-8")
    end = 0
    for match in _FENCE.finditer(text):
        before = text[end : match.start()]
        names = _FILE.findall(re.split(r"\n\s*\n", before.rstrip())[-1]) if before.strip() else []
        same = result[-1].file if result and not before.strip() else None
        heading = re.findall(r"^## (.+)$", text[: match.start()], re.M)
        inner = re.sub(f"^{match['indent']}", "", match["text"], flags=re.M)
        result.append(Block(match["language"], inner, heading[-1] if heading else "", names[0] if names else same))
        end = match.end()
    return result


def copy_project(folder: Path) -> Path:
    """Return a copy of what a clone of this project would hold."""
    patterns = [line.rstrip("/") for line in (HOME / ".gitignore").read_text(encoding="utf-8").splitlines()]
    return shutil.copytree(HOME, folder, symlinks=True, ignore=shutil.ignore_patterns(".git", *patterns))


def script(parts: list[Block]) -> str:
    """Return a shell script that writes the files and runs the commands, and says before each which block it is of.

    It ends at the first command that does not end as it should: with 0, or with what a comment says.
    """
    lines = ["set -eu"]
    for number, block in enumerate(parts):
        lines.append(f"printf '\\n@@ {number}\\n'")
        if block.language == "sh":
            lines += map(_checked, block.text.splitlines())
        elif block.language in ("yaml", "python") and block.file:
            lines += [f"mkdir -p {shlex.quote(str(Path(block.file).parent))}"]
            lines += [f"cat > {shlex.quote(block.file)} <<'END OF FILE'", block.text.rstrip("\n"), "END OF FILE"]
    return "\n".join(lines) + "\n"


def printed(output: str) -> dict[int, str]:
    """Return what each block of a script has printed."""
    parts = re.split(r"^@@ (\d+)$", output, flags=re.M)[1:]
    return {int(number): text for number, text in zip(parts[::2], parts[1::2], strict=True)}


def commands(line: str) -> Iterator[list[str]]:
    """Yield the simple commands of a line of shell, words without quotes; comments and redirections left out."""
    words: list[str] = []
    reader = shlex.shlex(line, posix=True, punctuation_chars=True)
    reader.whitespace_split = True
    for word in [*reader, ";"]:
        if set(word) <= _OPERATORS:
            yield from [words] if words else []
            words = []
        else:
            words.append(word)


def _checked(line: str) -> str:
    if ends := _ENDS.match(line):
        return f"code=0; {ends['command']} || code=$?; test $code -eq {ends['code']}"
    return line


def apply_edit(folder: Path, block: Block) -> None:
    """Make the edit of a diff block: what it leaves and takes away must be in the file, once."""
    path = folder / block.file
    lines = block.text.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if line[0] in " -")
    new = "".join(line[1:] for line in lines if line[0] in " +")
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{block.file} has this {text.count(old)} times:\n{old}"
    path.write_text(text.replace(old, new), encoding="utf-8")
