"""The demonstration: recorded traffic of a Whaticket, and an independent check that every message is accounted for.

In: recordings, a database to write them to, topics to read. Out: rows, a verdict.
Must never know: how the two machines work.
"""
