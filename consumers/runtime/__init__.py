"""Keyed state, wall-clock timers and exactly-once transactions on Kafka: a small library.

In: one input topic with its compacted changelog. Out: whatever an `App`'s processors emit, in the transaction
of the offsets it came from. Must never know: WhatsApp, tickets, tenants.
"""
