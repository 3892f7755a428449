"""How far each array primitive strays: what the noise model asks of arrays."""
