import os
from pathlib import Path

from deploy import archives
from deploy.fetch import JvmFiles
from deploy.java import Java

JVM = JvmFiles((Path("/jars/a.jar"), Path("/jars/b.jar")), Path("/plugins"), "digest")


def dumping_java(folder: Path, exit_code: int = 0) -> Java:
    """A Java that writes an archive where it is told to."""
    path = folder / "java"
    path.write_text(
        "#!/bin/sh\nfor flag; do case $flag in"
        " -XX:SharedArchiveFile=*) cat $CLASSES > ${flag#*=};; -XX:SharedClassListFile=*) CLASSES=${flag#*=};;"
        f" esac; done\nexit {exit_code}\n"
    )
    path.chmod(0o755)
    return Java(path, "25.0.2", 25)


def archive(tmp_path: Path, java: Java | None = None) -> archives.Archive:
    found = archives.of(tmp_path / "cache", "kafka", java or dumping_java(tmp_path), JVM, tmp_path / "classes.list")
    found.path.parent.mkdir(parents=True, exist_ok=True)
    return found


def test_a_first_start_notes_its_classes_and_the_next_uses_the_archive(tmp_path: Path) -> None:
    found = archive(tmp_path)
    assert found.flags() == [f"-XX:DumpLoadedClassList={found.class_list}"]
    found.class_list.write_text("java/lang/Object id: 0\njava/la")
    assert archives.make(found.java.path, found.class_list, found.path)
    assert found.path.read_text() == "java/lang/Object id: 0\n"
    assert found.flags() == [f"-XX:SharedArchiveFile={found.path}"]


def test_a_damaged_archive_is_removed_and_made_again(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.class_list.write_text("java/lang/Object id: 0\n")
    archives.make(found.java.path, found.class_list, found.path)
    found.path.write_text("java/lang/Object")
    assert found.flags() == [f"-XX:DumpLoadedClassList={found.class_list}"]
    assert archives.make(found.java.path, found.class_list, found.path)


def test_java_that_refuses_leaves_nothing(tmp_path: Path) -> None:
    found = archive(tmp_path, dumping_java(tmp_path, exit_code=1))
    found.class_list.write_text("java/lang/Object id: 0\n")
    assert not archives.make(found.java.path, found.class_list, found.path)
    assert [path.name for path in found.path.parent.iterdir()] == ["kafka.lock"]


def test_another_java_or_other_jars_have_another_archive(tmp_path: Path) -> None:
    java = Java(Path("/java"), "25.0.2", 25)
    newer, other = java._replace(version="25.0.3"), JVM._replace(jars=JVM.jars[:1])
    paths = {
        archives.of(tmp_path, "kafka", *key, tmp_path / "list").path
        for key in ((java, JVM), (newer, JVM), (java, other))
    }
    assert len(paths) == 3


def test_no_list_means_nothing_to_make(tmp_path: Path) -> None:
    found = archive(tmp_path)
    found.make_later()
    assert os.listdir(found.path.parent) == []
