"""The JSON Schema of a config file, for editors."""

from __future__ import annotations

from typing import Any

from pydantic import Field, TypeAdapter

from gradcmp.config.models import CaseModel, Input, Model


class DefaultsModel(CaseModel):
    """What all cases of a file have unless they say otherwise."""

    inputs: dict[str, Input] = Field({}, description="Merged with each case's own, by name.")
    graph: dict[str, str] = Field({}, description="Merged with each case's own, by name.")


class SuiteModel(Model):
    """Several cases in one file."""

    defaults: DefaultsModel | None = None
    cases: list[DefaultsModel] = Field(min_length=1)


def json_schema() -> dict[str, Any]:
    """Return the schema of a whole file: one case, or several."""
    schema = TypeAdapter(CaseModel | SuiteModel).json_schema(mode="validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gradcmp config",
        **schema,
    }
