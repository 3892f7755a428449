"""These tests import frameworks while they are collected: `make quick` leaves their files alone."""


def pytest_ignore_collect(config):
    """Skip the folder where no framework is wanted."""
    return True if config.option.markexpr == "quick" else None
