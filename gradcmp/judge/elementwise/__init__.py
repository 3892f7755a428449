"""Two arrays in, a comparison out, element by element: knows no graph and no noise model."""
