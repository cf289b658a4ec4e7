"""Sweeps: one scenario played many times, each time with one disturbance more."""
