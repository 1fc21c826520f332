"""All of ticketz and canove in one pass at recorded speed, as two sources of one cell of the real stack."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from admin.demo.judge import conclude
from deploy.demo.verifier.evidence import Evidence
from deploy.demo.verifier.verdict import Verdict
from deploy.stack import LocalStack
from schemas.codec import decoder
from schemas.config import Parameters
from schemas.errors import Exit
from schemas.records import Alert, Outcome
from tests.continuous.cell import LiveCell
from tests.continuous.reference import Said, reference
from tests.deleted import delete_first
from tests.isolated.arm import ends
from tests.isolated.oracle import Oracle

pytestmark = [
    pytest.mark.stack,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("continuous"),
]

FLAVOURS = ("ticketz", "canove")
PARAMETERS = {
    "window": 10_000, "max_window": 20_000, "bot_hold": 12_000, "menu_hold": 12_000, "agent_cap": 1_000_000,
    "pair_interval": 0, "ticket_cap": 1_000_000,
}  # fmt: skip
"""Waits that would outlast the test are shortened; `settle` is as in production, because the recordings fit it."""

LATE_MS = (0, 400)
"""How late a row may be captured without any message ending in another way."""

RACES: dict[str, str] = {}
"""`flavour/ticket/message` -> why its end is decided by timing. These are left out of the comparison."""

_outcome = decoder(Outcome)
_alert = decoder(Alert)


class Pass(NamedTuple):
    """What the pass left behind. `said`: how each message ended, in the words of the reference."""

    live: LiveCell
    rested: bool
    evidence: Evidence
    verdict: Verdict
    said: Said


@pytest.fixture(scope="module")
def passed(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pass]:
    with LiveCell(stack, tmp_path_factory.mktemp("cell"), FLAVOURS, PARAMETERS) as live:
        live.play()
        rested = live.comes_to_rest(90)
        evidence = live.evidence()
        yield Pass(live, rested, evidence, live.verdict(), said(live, evidence))


@pytest.fixture(scope="module")
def expected(stack: LocalStack) -> dict[int, Said]:
    """The reference for each lateness."""
    return {late_ms: reference(stack, FLAVOURS, Parameters(**PARAMETERS), late_ms) for late_ms in LATE_MS}


def said(live: LiveCell, evidence: Evidence) -> Said:
    """Return how each message ended: agents by their names, sources by their flavour."""
    casts = {source.name: source.cast for source in live.sources}
    told: Said = {}
    for ref, end in ends(record.value for record in evidence.outcomes).items():
        source, _, message = ref.partition("/")
        told[f"{casts[source].flavour}/{message}"] = {
            what: sorted(map(casts[source].of, value)) if what == "told" else "+".join(sorted(value))
            for what, value in end.items()
        }
    return told


def test_the_pass_comes_to_rest_and_keeps_the_laws(passed: Pass) -> None:
    assert passed.rested
    assert (passed.verdict.findings, passed.verdict.tally.pending) == ([], 0)
    assert passed.verdict.tally.admitted == sum(Oracle.read(name).admitted() for name in FLAVOURS)
    assert passed.verdict.tally.notices > 0
    assert conclude(passed.verdict, None) is Exit.OK


def test_no_message_depends_on_how_late_its_row_is_captured(expected: dict[int, Said]) -> None:
    """What the reference itself says differently at another lateness would have to be listed as a race."""
    first = expected[0]
    assert {
        ref: [found[ref] for found in expected.values()]
        for ref in first.keys() - RACES.keys()
        if any(found[ref] != first[ref] for found in expected.values())
    } == {}
    assert len(RACES) <= 6


def test_each_message_ends_as_in_the_pure_cores(passed: Pass, expected: dict[int, Said]) -> None:
    assert sorted(passed.said) == sorted(expected[0])
    assert {
        ref: (found, expected[0][ref])
        for ref, found in passed.said.items()
        if found != expected[0][ref] and ref not in RACES
    } == {}


def test_equal_tickets_of_two_sources_do_not_mix(passed: Pass) -> None:
    tickets = {
        source.name: {row.ticket_id for row in passed.evidence.rows if row.source == source.name}
        for source in passed.live.sources
    }
    one, other = tickets.values()
    assert len(one & other) > 10
    for record in passed.evidence.outcomes:
        outcome = _outcome.decode(record.value or b"")
        assert {ref.split("/")[0] for ref in outcome.message_refs} <= {outcome.source}
        assert outcome.agent is None or outcome.agent.startswith(f"{outcome.source}/")
        assert outcome.tenant.startswith(f"{outcome.source}/")
    companies = {
        source.cast.flavour: sorted(
            {t for o in map(_outcome.decode, _values(passed.evidence)) if (t := o.tenant).startswith(source.name)}
        )
        for source in passed.live.sources
    }
    assert [[t.rpartition("/")[2] for t in companies[name]] for name in FLAVOURS] == [["1", "2"], ["0"]]


def _values(evidence: Evidence) -> Iterator[bytes]:
    return (record.value or b"" for record in evidence.outcomes)


def test_an_alert_deleted_on_purpose_is_found_and_the_command_exits_1(passed: Pass, tmp_path: Path) -> None:
    """The control arm; it comes last, because it damages the topic."""
    live, summary = passed.live, tmp_path / "summary.json"
    victim = delete_first(live.stack.bootstrap, live.cell.alerts, passed.evidence.alerts)

    verdict = live.verdict()

    gone = _alert.decode(victim.value or b"").alert_id
    assert [(finding.what, finding.subject) for finding in verdict.findings] == [("unaccounted", f"alert {gone}")]
    assert (conclude(verdict, summary), int(Exit.FOUND)) == (1, 1)
    assert '"unaccounted": 1' in summary.read_text("utf-8")
