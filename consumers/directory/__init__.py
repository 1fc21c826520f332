"""Who is responsible, what they prefer, and the live rows: all look-ups, cached for seconds.

In: Whaticket databases (read only, by key), the `recado` database. Out: live tickets, texts, configuration views.
Must never know: windows, outboxes, Kafka.
"""
