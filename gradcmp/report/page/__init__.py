"""What the page is made of: facts that fit into a file, a template, a style sheet, a script."""
