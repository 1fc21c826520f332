"""The crash suite: real processes under real traffic, faults that are signals, and a verifier that knows no mercy.

In: signals, rebalances, repeated rows. Out: a report for each run, 0 lost and 0 doubled. Control arms differ by one
named switch and must fail, by lost or doubled.
"""
