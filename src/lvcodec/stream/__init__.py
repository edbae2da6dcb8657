"""The container: a header, a record a group, an end record with an index (docs/bitstream.md).

fields.py declares the layouts, container.py writes and reads streams, concat.py joins them, info.py tells what they
hold. What a payload means is the business of entropy/ and codec/.
"""
