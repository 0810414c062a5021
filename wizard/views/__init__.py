"""Pages and files: a query string in, a page, a partial or a file out."""
