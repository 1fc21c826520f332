"""Webhooks: what gateways report about messages that they accepted.

In: HTTP requests of gateways. Out: `Receipt` records in topic `alerts`, each in the lane of the channel's tenants;
acknowledged to the gateway only when Kafka has them. Must never know: which attempts exist; the sender decides.
"""
