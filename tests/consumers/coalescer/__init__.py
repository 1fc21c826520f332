"""Tests of the coalescer: examples of each row of its machine, and its laws against a reference model."""
