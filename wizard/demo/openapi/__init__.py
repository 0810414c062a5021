"""The OpenAPI 3.1 document of the demo's routes, served at ``/openapi.json``."""
