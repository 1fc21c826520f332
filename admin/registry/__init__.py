"""What operators keep: sources, tenants, agents, channels, the global switch. Command line and HTTP API call these.

In: a connection in a transaction, who asks and why, checked words. Out: the change, audited. Each function is
idempotent: asked twice it changes nothing the second time, and says so.
"""
