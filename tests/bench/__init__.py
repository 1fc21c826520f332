"""Benchmarks: each figure beside a floor measured in the same run, median and spread; ratios are what counts."""
