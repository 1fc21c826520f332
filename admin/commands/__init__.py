"""The commands of `recado`, one module each: words in, a call of the registry, lines out. No rules here."""
