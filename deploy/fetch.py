"""Kafka, Connect and Debezium as files in the user's cache: fetched once, checked always, shared by all clones.

Files are downloaded into a private folder and moved into place one by one when their checksum is right, so an
interrupted run leaves only good files and the next one resumes. A lock keeps two processes from fetching at once.
"""

import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import structlog
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from deploy import files
from deploy.artifacts import Artifact, Lock, load
from deploy.progress import Report, quiet
from schemas.errors import Fatal, Recoverable

log = structlog.get_logger()
THREADS = 8
Download = Callable[[Artifact, Path], Path]
"""Fetches one artifact below the given folder and returns the file; raises `OSError` or `RuntimeError`."""


class JvmFiles(NamedTuple):
    """The JVM side, complete and checked."""

    jars: tuple[Path, ...]
    plugins: Path
    digest: str

    @property
    def class_path(self) -> str:
        """The value of `-cp`, in the order of the lock list."""
        return os.pathsep.join(str(jar) for jar in self.jars)


def by_jgo(artifact: Artifact, folder: Path) -> Path:
    """Download with the Maven client of PyPI, one file and never its dependencies.

    Its transitive resolver picks other versions than Maven for this tree, hence the lock list.
    """
    from jgo.maven import MavenContext  # noqa: PLC0415 - slow to import, and only needed for a download

    context = MavenContext(repo_cache=folder, local_repos=[], timeout=30)
    component = context.project(artifact.group, artifact.name).at_version(artifact.version)
    return Path(component.artifact(classifier=artifact.classifier, packaging=artifact.packaging).resolve())


def ensure(
    cache_dir: Path, *, lock: Lock | None = None, report: Report = quiet, download: Download = by_jgo
) -> JvmFiles:
    """Return the JVM files, downloading what is missing. Blocks for seconds on a fresh machine.

    Raises:
        Recoverable: RCD-701, a download failed; what arrived is kept, run again.
        Fatal: RCD-702, a file has another checksum than the lock list; it was removed.
    """
    lock = lock or load()
    home = cache_dir / "jvm" / lock.digest
    plugins = home / "plugins"
    with files.locked(home.with_suffix(".lock")):
        _fetch(home / "files", lock, report, download)
        for archive in lock.archives:
            _unpack(home / "files" / archive.filename, plugins)
    return JvmFiles(tuple(home / "files" / jar.filename for jar in lock.jars), plugins, lock.digest)


def _fetch(folder: Path, lock: Lock, report: Report, download: Download) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _drop_leftovers(folder.parent)
    with ThreadPoolExecutor(THREADS) as pool:
        present = list(pool.map(lambda artifact: _is_good(folder / artifact.filename, artifact), lock.artifacts))
        missing = [artifact for artifact, good in zip(lock.artifacts, present, strict=True) if not good]
        if not missing:
            return
        step, total = "Kafka, Connect, Debezium", len(lock.artifacts)
        done = total - len(missing)
        report(step, done, total)
        partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
        try:
            jobs = [pool.submit(_fetch_one, artifact, folder, partial, download) for artifact in missing]
            try:
                for job in jobs:
                    job.result()
                    done += 1
                    report(step, done, total)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _fetch_one(artifact: Artifact, folder: Path, partial: Path, download: Download) -> None:
    retrying = Retrying(
        stop=stop_after_attempt(3),
        wait=wait_exponential_jitter(multiplier=0.2, max=3, jitter=0.2),
        retry=retry_if_exception_type((OSError, RuntimeError)),
    )
    try:
        arrived = retrying(_download_afresh, artifact, partial / artifact.filename, download)
    except RetryError as error:
        cause = error.last_attempt.exception()
        detail = f"{artifact.filename}: {type(cause).__name__}"
        raise Recoverable("RCD-701", detail) from cause
    if _sha256(arrived) != artifact.sha256:
        arrived.unlink()
        raise Fatal("RCD-702", f"{artifact.filename} as downloaded")
    arrived.replace(folder / artifact.filename)


def _download_afresh(artifact: Artifact, place: Path, download: Download) -> Path:
    """Leave nothing of a failed try behind: the client would take half a file for a whole one."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    return download(artifact, place)


def _is_good(path: Path, artifact: Artifact) -> bool:
    """Tell whether the file is there; one that was altered is removed and reported."""
    if not path.exists():
        return False
    if _sha256(path) != artifact.sha256:
        path.unlink()
        raise Fatal("RCD-702", f"{path} was altered")
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _drop_leftovers(home: Path) -> None:
    """Remove the private folders of killed runs; the lock is held, so nobody uses them."""
    for leftover in home.glob(".partial-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _unpack(archive: Path, plugins: Path) -> None:
    """Unpack the files of a checked archive, unless they are there byte for byte.

    Python before 3.11.4 has no extraction filter, so names are checked here.
    """
    with tarfile.open(archive) as tar:
        for member in tar:
            if not member.isfile():
                continue
            place = plugins / member.name
            if plugins not in (parent := Path(os.path.normpath(place)).parent, *parent.parents):
                detail = f"{archive.name} holds a file outside its folder"
                raise Fatal("RCD-702", detail)
            content = tar.extractfile(member)
            _put(place, content.read() if content else b"")


def _put(place: Path, content: bytes) -> None:
    if place.is_file():
        if place.stat().st_size == len(content) and hashlib.sha256(content).hexdigest() == _sha256(place):
            return
        log.warning("an unpacked file was altered and is replaced", file=str(place))
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".{place.name}.new")
    temporary.write_bytes(content)
    temporary.replace(place)
