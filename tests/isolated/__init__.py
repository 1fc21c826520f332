"""Both machines in one process on a virtual clock, over a real database that is played from a recording."""
