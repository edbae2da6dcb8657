"""Integer layers: the only place where a convolution is spelled out (docs/determinism.md states the rule)."""
