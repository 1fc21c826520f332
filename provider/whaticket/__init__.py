"""Whaticket's own send interface (option A): notices leave through a connection that the tenant already has.

In: a rendered notice. Out: what each fork's answer means; they share a path and little else. Must never know: the
forks' databases (those are read in `cdc.flavours`).
"""

from provider.whaticket.adapter import DECLARATIONS, WhaticketApi

__all__ = ["DECLARATIONS", "WhaticketApi"]
