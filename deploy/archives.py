"""Archives of loaded classes (AppCDS): they halve the CPU that Kafka and Connect need to start.

The first start notes the classes that it loads; a background process turns that list into an archive in the user's
cache, keyed by Java and jars. A missing or damaged archive costs only time: the list is noted again.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import structlog

from deploy import files
from deploy.fetch import JvmFiles
from deploy.java import Java

log = structlog.get_logger()
NICE = 19
TIMEOUT_S = 300


class Archive(NamedTuple):
    """The archive of one program. `class_list` is where a start without archive notes its classes."""

    path: Path
    class_list: Path
    java: Java
    class_path: str

    @property
    def digest_file(self) -> Path:
        """Beside the archive: its SHA-256, written last."""
        return self.path.with_suffix(".sha256")

    def is_good(self) -> bool:
        """Tell whether the archive is whole; one that is not is removed. Reads all of it (about 50 MB)."""
        try:
            expected = self.digest_file.read_text(encoding="utf-8").strip()
            with self.path.open("rb") as file:
                actual = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return False
        if actual != expected:
            log.warning("class archive is damaged and is made again", path=str(self.path))
            self.digest_file.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)
            return False
        return True

    def flags(self) -> list[str]:
        """Return the JVM's flag to use the archive, or to note the classes for one."""
        if self.is_good():
            return [f"-XX:SharedArchiveFile={self.path}"]
        return [f"-XX:DumpLoadedClassList={self.class_list}"]

    def make_later(self) -> None:
        """Start making the archive in the background from the noted list, unless there is one. Returns at once."""
        if self.digest_file.exists() or not self.class_list.exists():
            return
        files.private_dir(self.path.parent)
        command = [
            sys.executable,
            "-m",
            "deploy.archives",
            str(self.java.path),
            str(self.class_list),
            str(self.path),
        ]
        with self.path.with_suffix(".log").open("ab") as output:
            maker = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, "CLASSPATH": self.class_path},
            )
        log.debug("making a class archive", path=str(self.path), pid=maker.pid)
        maker.returncode = 0  # it outlives this process on purpose; nobody waits for it


def of(cache_dir: Path, name: str, java: Java, jvm: JvmFiles, class_list: Path) -> Archive:
    """Return the archive of a program, whether or not it exists."""
    key = hashlib.sha256(f"{java.path}\n{java.version}\n{jvm.class_path}".encode()).hexdigest()[:16]
    return Archive(cache_dir / "classes" / key / f"{name}.jsa", class_list, java, jvm.class_path)


def make(java: Path, class_list: Path, target: Path) -> bool:
    """Make the archive; False when another process is at it, there is one already, or Java refuses."""
    digest_file = target.with_suffix(".sha256")
    with files.locked(target.with_suffix(".lock"), wait=False) as mine:
        if not mine or digest_file.exists():
            return False
        fresh, listed = target.with_suffix(".new"), target.with_suffix(".list")
        whole_lines = class_list.read_text(encoding="utf-8").rpartition("\n")[0]
        files.write(listed, whole_lines + "\n")
        done = subprocess.run(  # noqa: S603 - the Java of the running stack
            [
                java,
                *("-Xshare:dump", "-XX:+UseSerialGC", "-Xlog:disable"),
                *(f"-XX:SharedClassListFile={listed}", f"-XX:SharedArchiveFile={fresh}"),
            ],
            check=False,
            timeout=TIMEOUT_S,
        )
        listed.unlink(missing_ok=True)
        if done.returncode != 0 or not fresh.exists():
            fresh.unlink(missing_ok=True)
            return False
        with fresh.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        fresh.replace(target)
        files.write(digest_file, digest + "\n")
        return True


if __name__ == "__main__":
    os.nice(NICE)
    make(*(Path(argument) for argument in sys.argv[1:4]))
