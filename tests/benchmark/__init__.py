"""What preparation and delivery cost, as ratios to plain Python within one run."""
