import io

from rich.console import Console

from deploy.progress import Bars


def test_without_a_terminal_each_step_is_one_line() -> None:
    console = Console(file=io.StringIO(), force_terminal=False)
    with Bars(console) as bars:
        for done in range(3):
            bars("files", done, 2)
        bars("kafka", 0, 1)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "files ...\nkafka ...\n"


def test_a_terminal_shows_how_far_a_step_is() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with Bars(console) as bars:
        bars("files", 1, 2)
        bars("files", 2, 2)
    assert isinstance(console.file, io.StringIO)
    assert "2/2" in console.file.getvalue()
