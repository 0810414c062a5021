"""Akash Console's API: screening, deployment, bids, lease, status."""
