"""The OpenAPI 3.1 document of a model's three files, and of the check."""
