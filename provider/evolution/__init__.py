"""Evolution API v2, the gateway that most Whaticket operators in Brazil run themselves.

In: a rendered notice. Out: what the gateway's answer means, whether it speaks for a phone's session (Baileys) or
for the Cloud API behind it; receipts from webhooks that carry a JWT. Must never know: who set the instance up.
"""

from provider.evolution.adapter import DECLARATION, Evolution

__all__ = ["DECLARATION", "Evolution"]
