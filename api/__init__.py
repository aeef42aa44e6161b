"""The HTTP service: the image models of the registry, and the ranking of running style in photos.

uvicorn.run(create_app(settings()), host="127.0.0.1", port=8000)
"""

from api.app import create_app

__all__ = ["create_app"]
