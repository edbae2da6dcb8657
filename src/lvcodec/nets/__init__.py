"""The networks: families (swift, cheng2020), the paper's modules, and what the loop asks of them (coding.py)."""
