"""Golden streams: one for each family and mode, tiny, with the hashes of what they decode to.

    models.py      tiny models whose integers come from a generator's raw bits: the same on every machine
    streams.py     the list of streams, how they are made, how they are decoded and hashed
    __main__.py    `python -m golden` in tests/ (make golden): makes those that are missing; refuses to replace any
    decode.py      decodes all of them in a process of its own and prints the hashes
    streams/       NAME.lvc, and hashes.json

A stream in here decodes to its hash for ever, or its version is given up with a word in CHANGELOG.md.
"""
