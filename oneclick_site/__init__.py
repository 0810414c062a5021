"""The site: settings, health, middleware. What it serves is in `wizard`."""

__version__ = "0.1.0"
