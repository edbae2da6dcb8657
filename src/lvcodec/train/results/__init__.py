"""What a run leaves: checkpoints, masters, models, logs, curves, figures on held-out clips."""
