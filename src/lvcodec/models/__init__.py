"""Weights: where they lie, what identifies them, how they are made from trained or foreign networks."""
