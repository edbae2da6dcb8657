"""Compare codecs fairly: code, decode and measure real files, make tables, curves and a page of the figures.

clips ─► raw 4:2:0 ─┬─► encode ─► file (bytes) ─► decode ─► raw 4:2:0 ─┐
                    └──────────────────────────────────────────► metrics ─► rows ─► BD-rates, curves, report
"""
