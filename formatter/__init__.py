"""Texts of notices: preview, redaction, templates, languages. Pure.

In: a notice's facts (names, tickets, bodies). Out: one text for one agent.
Must never know: Kafka, HTTP, SQL, the clock (ages are given), who is responsible.
"""
