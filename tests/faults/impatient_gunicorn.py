"""``gunicorn.conf.py`` for clients whose machine vanishes: given up after a second, not sixty."""

import runpy

_real = runpy.run_path("gunicorn.conf.py")
_real["when_ready"].__globals__["_UNTAKEN_MILLISECONDS"] = 1000
globals().update({name: value for name, value in _real.items() if not name.startswith("_")})
