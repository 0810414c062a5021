"""How much memory a model needs: pure functions, no network, no Django."""
