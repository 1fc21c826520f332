"""The verifier: reads topics and databases as they stand and says whether every customer message is accounted for.

In: what is in the topics, the rows of `Messages`, what the phones saw. Out: a `Verdict`.
Must never know: any code of the pipeline. It shares the vocabulary (`schemas`) and nothing else, so that a mistake
there cannot hide here.
"""
