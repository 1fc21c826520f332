"""Mutants: faults put into a copy of the code on purpose, which the tests must find."""
