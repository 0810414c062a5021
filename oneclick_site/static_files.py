"""Static files under names that hold their hash, so that browsers keep them for good."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # untyped base
    """As WhiteNoise's own; the imports of our ES modules are rewritten too."""

    support_js_module_import_aggregation = True
