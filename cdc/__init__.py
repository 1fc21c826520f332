"""Change data capture: Debezium's connectors, their records, and the Whaticket flavours.

In: a Whaticket database, Kafka Connect. Out: decoded rows, live look-ups by primary key, connector state.
Must never know: windows, recipients' preferences, providers.
"""
