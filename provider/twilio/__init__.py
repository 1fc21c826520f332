"""Twilio's WhatsApp channel: texts inside the 24-hour window, approved contents (`ContentSid`) outside it.

In: a rendered notice or its opening. Out: what Twilio's answer means; receipts from signed status callbacks.
Must never know: which of the two forms the sender should have chosen. Most failures come later, by callback.
"""

from provider.twilio.adapter import DECLARATION, Twilio

__all__ = ["DECLARATION", "Twilio"]
