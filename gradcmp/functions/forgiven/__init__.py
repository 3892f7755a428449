"""What is forgiven: differences that constants and casts of somebody's code leave in float64."""
