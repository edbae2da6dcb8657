"""Symbols to bytes and back: integer frequency tables and one range coder.

tables.py holds the tables, coder.py codes with them; builders.py makes tables when weights are exported.
What the symbols mean is the codec's business.
"""
