"""What a step of each stage computes and pays for."""
