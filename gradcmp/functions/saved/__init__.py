"""Functions that were recorded, on another machine or in another version: kept, and judged."""
