"""Dead letters: headers and records that ordinary Kafka tools list and replay.

In: what could not be decoded or told. Out: records for `cdc.dlq` and `dlq`. Must never know: why it failed.
"""
