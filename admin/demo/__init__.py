"""The demonstration: everything on one machine, recorded traffic in, phones filling with messages, laws checked.

In: the local stack, recorded traffic, the sandbox gateway. Out: a live table and a verdict.
Must never know: how the machines decide (it watches topics like anyone else).
"""
