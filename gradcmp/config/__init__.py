"""YAML in, cases out; every error names file, line and key. The home of yaml and pydantic."""

from gradcmp.config.files import (
    as_written,
    find,
    load,
    load_text,
    parse_backend,
    parse_code,
    parse_input,
    schema,
    seed_case,
    survey,
)

__all__ = [
    "as_written",
    "find",
    "load",
    "load_text",
    "parse_backend",
    "parse_code",
    "parse_input",
    "schema",
    "seed_case",
    "survey",
]
