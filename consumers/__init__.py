"""The two keyed processors and what they stand on.

In: topics `messages` and `alerts`, live rows, preferences. Out: alerts, outcomes, dead letters, texts to providers.
Must never know: the control plane (`admin`), how the stack is started (`deploy`).
"""
