"""Emulators: processes that behave like WhatsApp gateways, with faults on demand and a wall of phones.

In: a gateway's own requests from an adapter, fault rules from a test. Out: answers good and bad, a ledger of what
each phone saw, a page that shows it live. Must never know: anything of ours but `schemas`.
"""
