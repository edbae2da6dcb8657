"""Damaged streams: each ends in a clear error or in a correct decode.

damage.py      streams taken apart by the declared layout, changed, put together again, CRCs right or wrong
judge.py       one damaged stream decoded, probed or joined, and whether what came of it is right
__main__.py    `python -m fuzz --seed S --count N` in tests/ (make fuzz): many, with limits on time and memory
"""
