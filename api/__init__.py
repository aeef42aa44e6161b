"""The HTTP service: every image model of the registry, and the ranking of people's running style, behind one address.

uvicorn.run(create_app(settings()), host="127.0.0.1", port=8000)
"""

from api.app import create_app

__all__ = ["create_app"]
