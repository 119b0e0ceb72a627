"""What the runner is made of."""
