"""Pieces on many machines by dask.distributed, which gives work to workers, and gives it to others if they die.

engine.py runs pieces and tells how far they are; encoding.py and decoding.py say what a piece is.
"""
