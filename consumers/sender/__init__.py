"""The sender: owns a lane and its people. Alerts in, honest deliveries out.

In: topic `alerts`. Out: outcomes, dead letters, texts through providers. Must never know: Kafka's mechanics.
"""
