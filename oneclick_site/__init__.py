"""The site: settings, health, middleware. What it serves is in `wizard`."""

__version__ = "1.0.0"
