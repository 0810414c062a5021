"""A tiny trained model, so that the whole runtime can be tried and tested without a download."""
