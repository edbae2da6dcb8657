"""Training: data, rates and losses in floats, optimiser, stages. Nothing that encodes or decodes imports this."""
