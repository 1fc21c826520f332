"""The eight steps, in their order, from rows as Debezium writes them to records on topics."""

from typing import Any

import pytest

from consumers.runtime.api import Undecodable
from consumers.runtime.metrics import counter
from schemas.config import HOUR, MINUTE, SECOND, AgentConfig, SourceConfig, TenantConfig
from schemas.identity import address_hash, alert_id, outcome_id
from schemas.reasons import Ignored, Mode
from schemas.records import Alert, Command, Item, Origin, Outcome, Retraction
from tests.consumers.coalescer.harness import CELL, START, Bench, brief, value


def ignored(reason: Ignored, source: str = "wpp") -> float:
    found: float = counter("recado_ignored_total").labels(source, reason)._value.get()
    return found


class TestStep1:
    @pytest.mark.parametrize(
        ("raw", "code"),
        [
            (None, "empty"),
            (b"{", "not_json"),
            (b"[1]", "not_change"),
            (b'{"op":"c","source":{"name":"wpp","ts_ms":1},"after":null}', "no_row"),
            (value("m1", 1, START, source="elsewhere"), "foreign_source"),
        ],
    )
    def test_what_cannot_be_read_or_is_not_ours_is_refused_and_changes_nothing(
        self, raw: bytes | None, code: str
    ) -> None:
        bench = Bench()
        with pytest.raises(Undecodable) as refused:
            bench.put(raw)
        assert refused.value.code == code
        assert bench.store.data == {}

    def test_a_flavour_of_another_release_is_refused_for_its_own_source_only(self) -> None:
        bench = Bench(sources=(SourceConfig("wpp", "ticketz"), SourceConfig("new", "unheard_of")))
        with pytest.raises(Undecodable) as refused:
            bench.row("m1", source="new")
        assert refused.value.code == "unknown_flavour"
        assert bench.row("m1") == []
        assert bench.window() is not None

    def test_a_name_cut_in_the_middle_of_an_emoji_is_still_a_row(self) -> None:
        bench = Bench()
        raw = value("m1", 1, START, body="BODY").replace(b'"BODY"', b'"Ol\xc3\xa1 \\ud83d"')
        assert bench.put(raw) == []
        assert bench.window() is not None

    def test_a_row_of_a_flavour_without_companies_belongs_to_company_0(self) -> None:
        shop = TenantConfig(tenant="wpp/0", mode=Mode.ON, lane="wpp/0")
        bench = Bench(tenant=shop, sources=(SourceConfig("wpp", "canove"),))
        assert bench.row("m1", companyId=None, mediaType="chat") == []
        (alert,) = bench.pass_time(3 * SECOND)
        assert (type(alert), alert.lane, alert.company_id) == (Alert, "wpp/0", 0)


class TestStep2:
    @pytest.mark.parametrize(
        ("reason", "columns"),
        [
            (Ignored.NOT_CREATE, {"op": "u"}),
            (Ignored.NOT_CREATE, {"op": "r"}),
            (Ignored.MODE_OFF, {"companyId": 2}),
            (Ignored.REACTION, {"mediaType": "reactionMessage"}),
            (Ignored.CALL_LOG, {"mediaType": "call_log"}),
            (Ignored.QUOTED_COPY, {"remoteJid": None}),
            (Ignored.QUOTED_COPY, {"remoteJid": None, "fromMe": True}),
            (Ignored.MARKER, {"body": "\u200eNova msg"}),
            (Ignored.MARKER, {"body": "[Whaticket] Nova"}),
        ],
    )
    def test_rows_that_are_no_message_are_counted_by_reason_and_leave_no_trace(
        self, reason: Ignored, columns: dict[str, Any]
    ) -> None:
        bench = Bench()
        before = ignored(reason)
        assert bench.row("m1", **columns) == []
        assert (ignored(reason) - before, bench.store.data) == (1, {})

    def test_a_bots_row_leaves_no_trace_and_cancels_nothing(self) -> None:
        bench = Bench()
        bench.row("m1")
        state = dict(bench.store.data)
        assert bench.row("b1", person="bot") == []
        assert bench.store.data == state
        assert brief(bench.pass_time(3 * SECOND)) == [("lead", "m1")]

    def test_switching_a_tenant_off_counts_at_the_next_row(self) -> None:
        bench = Bench()
        bench.row("m1")
        bench.configure(mode=Mode.OFF, disabled_at_ms=bench.now)
        bench.row("m2")
        assert brief(bench.pass_time(3 * SECOND)) == [("tenant_disabled", "m1")]

    def test_shadow_is_on_for_the_coalescer(self) -> None:
        bench = Bench(tenant=TenantConfig(tenant="wpp/1", mode=Mode.SHADOW))
        bench.row("m1")
        assert brief(bench.pass_time(3 * SECOND)) == [("lead", "m1")]

    def test_what_a_removed_source_left_waiting_ends_as_disabled(self) -> None:
        bench = Bench()
        bench.row("m1")
        bench.sources = ()
        bench.configure()
        assert brief(bench.pass_time(3 * SECOND)) == [("tenant_disabled", "m1")]

    def test_what_waits_is_told_even_when_its_flavour_is_unknown_after_a_rollback(self) -> None:
        bench = Bench()
        bench.row("m1")
        bench.sources = (SourceConfig("wpp", "unheard_of"),)
        bench.configure()
        assert brief(bench.pass_time(3 * SECOND)) == [("lead", "m1")]


class TestStep3And4:
    def test_a_repeated_row_is_counted_and_never_becomes_an_outcome(self) -> None:
        bench = Bench()
        bench.row("m1")
        bench.pass_time(3 * SECOND)
        before = ignored(Ignored.DUPLICATE)
        assert bench.row("m1", created_ms=START) == []
        assert bench.pass_time(2 * MINUTE) == []
        assert ignored(Ignored.DUPLICATE) - before == 1

    def test_the_same_id_in_another_ticket_is_another_message(self) -> None:
        bench = Bench()
        bench.row("m1", 1)
        bench.row("m1", 2)
        assert brief(bench.pass_time(3 * SECOND)) == [("lead", "m1"), ("lead", "m1")]

    def test_a_repeated_answer_does_not_cancel_newer_messages(self) -> None:
        bench = Bench()
        bench.row("h1", person="human")
        bench.row("m1", created_ms=START + 1)
        assert bench.row("h1", person="human", created_ms=START) == []
        assert brief(bench.pass_time(3 * SECOND)) == [("lead", "m1")]

    def test_a_connector_that_returns_after_a_night_repeats_rows_that_are_still_known(self) -> None:
        bench = Bench()
        bench.row("m1")
        assert brief(bench.pass_time(3 * SECOND)) == [("lead", "m1")]
        assert bench.pass_time(14 * HOUR) == []
        before = ignored(Ignored.DUPLICATE)
        assert bench.row("m1", created_ms=START) == []
        assert ignored(Ignored.DUPLICATE) - before == 1

    def test_rows_that_it_missed_do_not_make_it_forget_those_that_it_repeats(self) -> None:
        bench = Bench()
        bench.row("m1")
        bench.pass_time(3 * SECOND)
        bench.pass_time(14 * HOUR)
        missed = START + MINUTE
        assert brief(bench.row("m2", created_ms=missed)) == [("stale", "m2")]
        assert bench.row("m1", created_ms=START) == []

    def test_the_same_holds_across_a_crash(self) -> None:
        bench = Bench()
        bench.row("m1")
        bench.pass_time(3 * SECOND)
        bench.pass_time(14 * HOUR)
        bench.restart()
        assert bench.row("m1", created_ms=START) == []

    def test_a_row_from_before_the_memory_of_its_source_is_ignored(self) -> None:
        bench = Bench()
        bench.row("m1", 1)
        bench.pass_time(3 * SECOND)
        for hours in range(1, 4):  # the stream moves on in another ticket, and ticket 1 is forgotten
            bench.pass_time(HOUR)
            bench.row(f"n{hours}", 2)
        bench.pass_time(HOUR)
        assert bench.window(1) is None
        bench.restart()
        before = ignored(Ignored.REPLAY)
        assert bench.row("m1", 1, created_ms=START) == []
        assert ignored(Ignored.REPLAY) - before == 1

    def test_a_sweep_brings_an_old_row_but_never_a_known_one(self) -> None:
        sweep: dict[str, Any] = {"headers": [("recado.sweep", b"1")]}
        bench = Bench()
        bench.row("n1", 2)
        old = START - 40 * MINUTE
        assert brief(bench.row("m1", created_ms=old, **sweep)) == [("stale", "m1")]
        before = ignored(Ignored.DUPLICATE)
        assert bench.row("m1", created_ms=old, **sweep) == []
        assert ignored(Ignored.DUPLICATE) - before == 1

    def test_one_time_stamp_from_the_future_does_not_make_the_next_rows_repetitions(self) -> None:
        bench = Bench()
        bench.row("m1", 1, ts_ms=START + 400 * 24 * HOUR)
        bench.row("m2", 2, ts_ms=START - 29 * MINUTE, created_ms=START - 29 * MINUTE)
        assert brief(bench.pass_time(3 * SECOND)) == [("lead", "m1"), ("lead", "m2")]

    def test_two_sources_with_equal_ids_know_nothing_of_each_other(self) -> None:
        bench = Bench(sources=(SourceConfig("wpp", "ticketz"), SourceConfig("other", "ticketz")))
        bench.row("m1", 1)
        assert bench.row("m1", 1, source="other", ts_ms=START - 14 * HOUR) == []
        assert ignored(Ignored.MODE_OFF, "other") >= 1


class TestStep6:
    AGENTS = (AgentConfig(agent="wpp/1/9", number="+5511999990001", contact_id=77),)

    @pytest.mark.parametrize(
        ("body", "word", "args"),
        [
            ("ATIVAR K7Q2MX", "ATIVAR", "K7Q2MX"),
            ("pausar até as 18", "PAUSAR", "até as 18"),
            (" Ajúda!", "AJUDA", ""),
        ],
    )
    def test_a_word_from_an_agents_contact_becomes_a_command(self, body: str, word: str, args: str) -> None:
        bench = Bench(agents=self.AGENTS)
        command, outcome = bench.row("m1", contactId=77, body=body)
        assert command == Command(
            lane="wpp/1",
            source="wpp",
            contact=address_hash("+5511999990001"),
            word=word,
            args=args,
            at_ms=START,
            agent="wpp/1/9",
            message_ref="wpp/1/m1",
        )
        assert brief([outcome]) == [("command", "m1")]
        assert bench.row("m1", contactId=77, body=body) == []

    @pytest.mark.parametrize(
        ("contact", "body"), [(77, "Bom dia"), (23, "ATIVAR K7Q2MX"), (None, "SAIR"), (77, "saira daqui")]
    )
    def test_other_words_and_other_contacts_are_messages(self, contact: int | None, body: str) -> None:
        bench = Bench(agents=self.AGENTS)
        assert bench.row("m1", contactId=contact, body=body) == []
        assert brief(bench.pass_time(3 * SECOND)) == [("lead", "m1")]


class TestStep7:
    def test_an_old_message_is_suppressed_with_the_whole_story(self) -> None:
        bench = Bench()
        created = START - 30 * MINUTE - 1
        assert bench.row("m1", created_ms=created) == [
            Outcome(
                outcome_id=outcome_id("suppressed", "stale", "wpp/1/m1"),
                kind="suppressed",
                reason="stale",
                tenant="wpp/1",
                source="wpp",
                ticket_id=1,
                at_ms=START,
                message_refs=["wpp/1/m1"],
                config_version=7,
                app_version="0.0.1",
                created_ms=created,
                admitted_ms=START,
                origin=Origin(CELL.messages, 3, 0),
            )
        ]

    def test_a_message_of_just_max_age_is_told(self) -> None:
        bench = Bench()
        assert bench.row("m1", created_ms=START - 30 * MINUTE) == []
        assert brief(bench.pass_time(3 * SECOND)) == [("lead", "m1")]

    def test_an_old_answer_still_answers(self) -> None:
        bench = Bench()
        bench.row("m1", created_ms=START - 10 * MINUTE, ts_ms=START)
        out = bench.row("h1", person="human", created_ms=START - 31 * MINUTE, ts_ms=START)
        assert brief(out) == [("answered", "m1")]

    def test_a_creation_time_in_the_future_counts_as_now(self) -> None:
        bench = Bench()
        bench.row("m1", created_ms=START + 3 * HOUR)
        (alert,) = bench.pass_time(3 * SECOND)
        assert alert.items[0].created_ms == START

    def test_the_offset_of_a_source_without_zones_is_applied(self) -> None:
        sources = (SourceConfig("wpp", "ticketz", created_offset_ms=3 * HOUR),)
        bench = Bench(sources=sources)
        bench.row("m1", createdAt=(START - 3 * HOUR) * 1000)
        (alert,) = bench.pass_time(3 * SECOND)
        assert alert.items[0].created_ms == START


class TestStep8:
    def test_a_first_message_becomes_one_lead_with_all_that_the_sender_needs(self) -> None:
        bench = Bench(tenant=TenantConfig(tenant="wpp/1", mode=Mode.ON, lane="matriz"))
        bench.row("m1", created_ms=START - 50, mediaType="image", body="")
        assert bench.pass_time(3 * SECOND) == [
            Alert(
                alert_id=alert_id("wpp", 1, START),
                lane="matriz",
                source="wpp",
                ticket_id=1,
                company_id=1,
                alert_no=1,
                reason="lead",
                items=[Item("wpp/1/m1", "m1", START, START - 50, START, "image")],
                first_ms=START,
                fired_ms=START + 3 * SECOND,
                captured_ms=START - 40,
                config_version=7,
                origin=Origin(CELL.messages, 3, 0, START - 40),
            )
        ]

    def test_a_burst_an_answer_and_a_return_read_like_a_conversation(self) -> None:
        bench = Bench()
        bench.row("m1")
        bench.advance(SECOND)
        bench.row("m2", created_ms=bench.now)
        assert brief(bench.pass_time(3 * SECOND)) == [("lead", "m1 m2")]
        bench.row("m3", created_ms=bench.now)
        assert brief(bench.pass_time(60 * SECOND)) == [("summary", "m3")]
        bench.row("m4", created_ms=bench.now)
        bench.advance(SECOND)
        assert bench.row("h1", person="human", created_ms=bench.now) == [
            Outcome(
                outcome_id=outcome_id("suppressed", "answered", "wpp/1/m4"),
                kind="suppressed",
                reason="answered",
                tenant="wpp/1",
                source="wpp",
                ticket_id=1,
                at_ms=bench.now,
                message_refs=["wpp/1/m4"],
                config_version=7,
                app_version="0.0.1",
                created_ms=bench.now - SECOND,
                admitted_ms=bench.now - SECOND,
                origin=Origin(CELL.messages, 3, 4),
            ),
            Retraction(
                lane="wpp/1",
                source="wpp",
                ticket_id=1,
                up_to_seq=bench.now,
                reaction_ref="wpp/1/h1",
                created_ms=bench.now,
            ),
        ]
        assert bench.pass_time(60 * SECOND) == []
        bench.row("m5", created_ms=bench.now)
        assert brief(bench.pass_time(3 * SECOND)) == [("lead", "m5")]

    def test_an_undecided_row_never_cancels_the_first_notice(self) -> None:
        bench = Bench()
        bench.row("m1")
        assert bench.row("u1", person="undecided") == []
        assert brief(bench.pass_time(3 * SECOND)) == [("lead", "m1")]

    def test_every_row_of_a_ticket_has_a_greater_seq_than_those_before_it(self) -> None:
        bench = Bench()
        for number in range(5):
            bench.row(f"m{number}")
        (alert,) = bench.pass_time(3 * SECOND)
        assert [item.seq - START for item in alert.items] == [0, 1, 2, 3, 4]

    def test_a_row_that_tells_no_company_has_the_lane_of_its_whole_source(self) -> None:
        bench = Bench()
        bench.row("m1", companyId=None)
        (alert,) = bench.pass_time(3 * SECOND)
        assert (alert.lane, alert.company_id) == ("wpp/?", None)

    def test_an_end_of_more_messages_than_fit_one_outcome_is_written_in_parts(self) -> None:
        bench = Bench()
        bench.configure(max_items=1_200, max_pending=1_200)
        for number in range(1_100):
            bench.row(f"m{number}")
        out = bench.row("h1", person="human")
        assert [len(o.message_refs) for o in out] == [500, 500, 100]
        assert len({o.outcome_id for o in out}) == 3
