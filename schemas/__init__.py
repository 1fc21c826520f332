"""The vocabulary of Recado: records, reasons, errors, settings, identities, tables of the `recado` database.

In: nothing. Out: types that every other room speaks. Must never know: any other room, Kafka, HTTP.
"""
