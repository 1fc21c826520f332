"""WhatsApp providers behind one interface: how a text is sent, what the answer means, how receipts are read.

In: a rendered text, an address, an attempt id. Out: Accepted, Rejected or Unknown; receipts.
Must never know: tickets, windows, Kafka, who is responsible.
"""
