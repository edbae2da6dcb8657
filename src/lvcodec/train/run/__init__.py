"""A run: steps, optimisers, processes, and the loop around them."""
