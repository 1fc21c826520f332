import hashlib
import io
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy import fetch
from deploy.artifacts import Artifact, Lock, parse
from schemas.errors import Fatal, RecadoError, Recoverable


def archive(names: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in names.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


class Registry:
    """Serves files by name; counts, and fails where it is told to."""

    def __init__(self, plugin: dict[str, bytes] | None = None) -> None:
        self.files = {f"tool{n}-1.0.jar": f"jar {n}".encode() for n in range(6)}
        self.files["connector-3.0-plugin.tar.gz"] = archive(
            plugin or {"connector/a.jar": b"a", "connector/b.jar": b"b"}
        )
        self.lock = self._lock()
        self.served: list[str] = []
        self.broken: dict[str, BaseException] = {}
        self._guard = threading.Lock()

    def _lock(self) -> Lock:
        lines = []
        for name, content in self.files.items():
            kind = "tar.gz:plugin" if name.endswith("gz") else "jar"
            artifact, version = name.removesuffix(".jar").removesuffix("-plugin.tar.gz").rsplit("-", 1)
            lines.append(f"org.example:{artifact}:{version}:{kind} sha256:{hashlib.sha256(content).hexdigest()}")
        return parse("\n".join(lines))

    def download(self, artifact: Artifact, folder: Path) -> Path:
        path = folder / artifact.filename
        if artifact.filename in self.broken:
            path.write_bytes(b"half of")
            raise self.broken[artifact.filename]
        with self._guard:
            self.served.append(artifact.filename)
        path.write_bytes(self.files[artifact.filename])
        return path

    def ensure(self, cache: Path) -> fetch.JvmFiles:
        return fetch.ensure(cache, lock=self.lock, download=self.download)


@pytest.fixture
def registry() -> Registry:
    return Registry()


def code(error: pytest.ExceptionInfo[RecadoError]) -> str | None:
    return error.value.code


def test_a_fresh_cache_gets_every_file_in_the_order_of_the_list(registry: Registry, tmp_path: Path) -> None:
    jvm = registry.ensure(tmp_path)
    assert [jar.name for jar in jvm.jars] == [f"tool{n}-1.0.jar" for n in range(6)]
    assert [jar.read_bytes() for jar in jvm.jars] == [f"jar {n}".encode() for n in range(6)]
    assert {path.name: path.read_bytes() for path in jvm.plugins.rglob("*.jar")} == {"a.jar": b"a", "b.jar": b"b"}


def test_a_second_start_downloads_nothing(registry: Registry, tmp_path: Path) -> None:
    first = registry.ensure(tmp_path)
    registry.served.clear()
    assert (registry.ensure(tmp_path), registry.served) == (first, [])


def test_progress_counts_every_file(registry: Registry, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    fetch.ensure(
        tmp_path,
        lock=registry.lock,
        download=registry.download,
        report=lambda _, done, total: seen.append((done, total)),
    )
    assert seen == [(done, 7) for done in range(8)]


def test_a_failed_download_keeps_what_arrived_and_the_next_run_resumes(registry: Registry, tmp_path: Path) -> None:
    registry.broken["tool3-1.0.jar"] = OSError("connection reset")
    with pytest.raises(Recoverable) as error:
        registry.ensure(tmp_path)
    assert (code(error), error.value.detail) == ("RCD-701", "tool3-1.0.jar: OSError")
    arrived = set(registry.served)
    registry.broken.clear()
    registry.served.clear()
    registry.ensure(tmp_path)
    assert "tool3-1.0.jar" in registry.served
    assert arrived & set(registry.served) == set()
    assert arrived | set(registry.served) == set(registry.files)


def test_an_interrupted_run_leaves_no_half_file(registry: Registry, tmp_path: Path) -> None:
    registry.broken["tool3-1.0.jar"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        registry.ensure(tmp_path)
    registry.broken.clear()
    registry.ensure(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("tool*")) == [f"tool{n}-1.0.jar" for n in range(6)]


def test_what_a_killed_run_left_is_removed(registry: Registry, tmp_path: Path) -> None:
    left = tmp_path / "jvm" / registry.lock.digest / ".partial-dead"
    left.mkdir(parents=True)
    (left / "tool1-1.0.jar").write_bytes(b"half of")
    registry.ensure(tmp_path)
    assert not left.exists()


def test_a_file_with_another_checksum_is_not_kept(registry: Registry, tmp_path: Path) -> None:
    registry.files["tool2-1.0.jar"] = b"something else"
    with pytest.raises(Fatal) as error:
        registry.ensure(tmp_path)
    assert code(error) == "RCD-702"
    assert not list(tmp_path.rglob("tool2-1.0.jar"))


def test_an_altered_file_is_removed_reported_and_fetched_again(registry: Registry, tmp_path: Path) -> None:
    altered = registry.ensure(tmp_path).jars[4]
    altered.write_bytes(b"altered")
    with pytest.raises(Fatal) as error:
        registry.ensure(tmp_path)
    assert (code(error), error.value.detail, altered.exists()) == ("RCD-702", f"{altered} was altered", False)
    registry.served.clear()
    registry.ensure(tmp_path)
    assert (registry.served, altered.read_bytes()) == (["tool4-1.0.jar"], b"jar 4")


def test_an_altered_unpacked_file_is_replaced(registry: Registry, tmp_path: Path) -> None:
    plugin = registry.ensure(tmp_path).plugins / "connector" / "a.jar"
    plugin.write_bytes(b"z")
    registry.ensure(tmp_path)
    assert plugin.read_bytes() == b"a"


def test_an_archive_that_leaves_its_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Fatal) as error:
        Registry({"../outside.jar": b"x"}).ensure(tmp_path)
    assert code(error) == "RCD-702"
    assert not list(tmp_path.rglob("outside.jar"))


def test_two_clones_at_once_fetch_each_file_once(registry: Registry, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(registry.ensure, [tmp_path, tmp_path])
    assert first == second
    assert sorted(registry.served) == sorted(registry.files)
