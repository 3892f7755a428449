"""The answer to the question, first: a verdict in six lines, for whoever draws or prints it."""
