"""The sandbox gateway: a process that behaves like a WhatsApp gateway, with faults on demand and a wall of phones.

In: `POST /v1/messages` from an adapter, fault rules from a test. Out: answers good and bad, a ledger of what each
phone saw, a page that shows it live. Must never know: anything of ours but `schemas`.
"""
