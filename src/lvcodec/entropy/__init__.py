"""Symbols to bytes and back: integer frequency tables and one range coder.

tables.py holds the tables, coder.py codes with them; builders.py makes them from distributions, which no decoder does.
What the symbols mean is the codec's business.
"""
