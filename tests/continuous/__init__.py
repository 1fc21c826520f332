"""The continuous arm: all recordings in one pass through the real stack, as several sources of one cell."""
