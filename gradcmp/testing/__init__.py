"""What tests use: assertions, and the plugin for pytest that comes with the package."""
