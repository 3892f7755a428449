"""PyTorch: functions and modules of the user, run as they are, in float64 and under noise."""
