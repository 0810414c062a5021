"""From a plan to an SDL document, and the rules that such a document keeps."""
