"""Backprop by hand: functions of NumPy that return their gradients themselves."""
