"""The lock list of JVM files: Maven coordinates and the SHA-256 that each file must have. Pure but for `load`."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

LOCK = Path(__file__).with_name("jvm.lock")
LINE = re.compile(
    r"(?P<group>[\w.-]+):(?P<name>[\w.-]+):(?P<version>[\w.-]+):(?P<packaging>jar|tar\.gz)(?::(?P<classifier>[\w-]+))?"
    r"\s+sha256:(?P<sha256>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class Artifact:
    """One file of the registry, by Maven coordinates."""

    group: str
    name: str
    version: str
    packaging: str
    classifier: str
    sha256: str

    @property
    def filename(self) -> str:
        """The file's name as Maven writes it."""
        tail = f"-{self.classifier}" if self.classifier else ""
        return f"{self.name}-{self.version}{tail}.{self.packaging}"


@dataclass(frozen=True)
class Lock:
    """All files of the JVM side, in class path order, and the digest that names this set."""

    artifacts: tuple[Artifact, ...]
    digest: str

    @property
    def jars(self) -> tuple[Artifact, ...]:
        """What goes on the class path."""
        return tuple(item for item in self.artifacts if item.packaging == "jar")

    @property
    def archives(self) -> tuple[Artifact, ...]:
        """Connectors: archives that are unpacked into the plugin folder."""
        return tuple(item for item in self.artifacts if item.packaging != "jar")


def parse(text: str) -> Lock:
    """Read a lock list; raises `ValueError` naming a line that is not one."""
    found = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        match = LINE.fullmatch(line.strip())
        if match is None:
            message = f"not a line of a lock list: {line!r}"
            raise ValueError(message)
        found.append(Artifact(**{key: value or "" for key, value in match.groupdict().items()}))
    names = "\n".join(f"{item.filename} {item.sha256}" for item in found)
    return Lock(tuple(found), hashlib.sha256(names.encode()).hexdigest()[:16])


def load(path: Path = LOCK) -> Lock:
    """Read the lock list that ships with the package."""
    return parse(path.read_text(encoding="utf-8"))
