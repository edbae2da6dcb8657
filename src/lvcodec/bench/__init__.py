"""Fair comparisons of codecs: real files coded, decoded and measured, tables, curves and a page of them.

clips ─► raw 4:2:0 ─┬─► encode ─► file (bytes) ─► decode ─► raw 4:2:0 ─┐
                    └──────────────────────────────────────────► metrics ─► rows ─► BD-rates, curves, report
"""
