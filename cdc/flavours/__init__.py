"""The Whaticket flavours: what each fork's rows mean, what is captured, who is responsible."""
