"""WhatsApp Business Cloud API of Meta: texts inside the 24-hour window, approved templates outside it.

In: a rendered notice or its opening. Out: what Graph's answer means, by `error.code` and never by HTTP status
alone; receipts from signed webhooks. Must never know: which of the two forms the sender should have chosen.
"""

from provider.meta.adapter import DECLARATION, MetaCloud

__all__ = ["DECLARATION", "MetaCloud"]
