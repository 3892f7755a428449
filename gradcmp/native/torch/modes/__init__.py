"""A function as `torch.compile` or an autocast runs it."""
