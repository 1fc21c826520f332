"""Installing beside a database that is not ours, and taking it away again.

In: settings, an administrator's address of each source. Out: plans of steps, each with its exact words and its
undo; the doing of them, idempotent, resumable, one at a time, journalled. What is to be done always follows from
what is there, never from what the journal says was done; the journal keeps the values from before.
"""
