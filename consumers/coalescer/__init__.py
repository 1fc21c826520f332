"""The coalescer: owns a ticket, and only time. Rows in, few alerts out.

In: topic `messages`. Out: alerts, retractions, suppressed outcomes. Must never know: people, texts, providers.
"""
