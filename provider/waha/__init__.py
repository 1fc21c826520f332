"""WAHA, the WhatsApp HTTP API: a self-hosted gateway with several engines (WEBJS, NOWEB, GOWS, WPP).

In: a rendered notice. Out: what the answer means, whichever engine gave it; receipts from signed webhooks.
Must never know: which engine runs, unless an answer says so.
"""

from provider.waha.adapter import DECLARATION, Waha

__all__ = ["DECLARATION", "Waha"]
