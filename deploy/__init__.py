"""How everything runs: the local stack of plain processes, later compose, image and chart.

In: settings, locks with checksums. Out: running PostgreSQL, Kafka, Connect, supervised.
Must never know: what the messages mean.
"""
