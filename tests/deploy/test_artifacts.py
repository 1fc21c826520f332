import pytest

from deploy.artifacts import Artifact, load, parse

JAR = "org.example:tool:1.2:jar  sha256:" + "a" * 64
ARCHIVE = "org.example:connector:3.0.Final:tar.gz:plugin  sha256:" + "b" * 64


def test_a_line_names_a_file_and_its_checksum() -> None:
    lock = parse(f"# a comment\n\n{JAR}\n{ARCHIVE}\n")
    assert lock.artifacts == (
        Artifact("org.example", "tool", "1.2", "jar", "", "a" * 64),
        Artifact("org.example", "connector", "3.0.Final", "tar.gz", "plugin", "b" * 64),
    )
    assert [item.filename for item in lock.artifacts] == ["tool-1.2.jar", "connector-3.0.Final-plugin.tar.gz"]
    assert (lock.jars, lock.archives) == (lock.artifacts[:1], lock.artifacts[1:])


def test_another_checksum_is_another_set() -> None:
    assert parse(JAR).digest != parse(JAR.replace("aaaa", "cccc")).digest


@pytest.mark.parametrize("line", ["org.example:tool:1.2:jar", "org.example:tool:1.2:jar  sha256:abc", "nonsense"])
def test_a_line_without_a_checksum_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="not a line of a lock list"):
        parse(line)


def test_the_shipped_list_is_whole() -> None:
    lock = load()
    assert (len(lock.jars), [item.name for item in lock.archives]) == (91, ["debezium-connector-postgres"])
    assert {item.version for item in lock.jars if item.name in {"kafka_2.13", "connect-runtime"}} == {"4.3.0"}
