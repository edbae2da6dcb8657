"""A film in pieces: planned once, coded anywhere in any order, joined to the bytes that one machine would write.

planning.py ─► PLAN.json (plan.py) ─► coding.py, a piece at a time ─► PLAN.pieces/0000.lvc … ─► joining.py ─► stream
"""
