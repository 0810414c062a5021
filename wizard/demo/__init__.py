"""The free demo: the public API, where its answers come from, and the playground's page."""
