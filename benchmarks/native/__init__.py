"""Functions of users, judged: how large the noise is, and what it costs."""
