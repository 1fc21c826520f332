"""The control plane: command line, later HTTP API, panel and webhooks.

In: what operators ask. Out: the `recado` database, plans, reports, running roles.
Must never know: the rules of the machines (it calls them, it does not repeat them).
"""
